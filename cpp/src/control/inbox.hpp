// What other threads ask of a controller. Writers may lock among themselves; the stepping thread only reads atomics.
#pragma once

#include <atomic>
#include <cstdint>

#include "control/engine.hpp"
#include "metaworld_rt/mailbox.hpp"
#include "metaworld_rt/types.hpp"

namespace metaworld_rt::control {

struct Inbox {
  Mailbox<SkillCommand> command;
  Mailbox<Plan> plan;
  std::atomic<bool> rearm{false}, stop{false};
  std::atomic<std::uint32_t> refused_swaps{0};
  std::atomic<Engine*> engine{nullptr};   ///< to be put in force; owned by whoever exchanges it out
  std::atomic<Engine*> retired{nullptr};  ///< stack of engines out of force; pushed by the stepping thread only

  ~Inbox() {
    delete engine.exchange(nullptr);
    collect();
  }
  /// Real-time side: hands an engine over for deletion. At most one retry for every concurrent collect().
  void retire(Engine* old) noexcept {
    old->next_retired = retired.load(std::memory_order_relaxed);
    while (
        !retired.compare_exchange_weak(old->next_retired, old, std::memory_order_release, std::memory_order_relaxed)) {
    }
  }
  /// Other side: deletes what was retired.
  void collect() noexcept {
    for (Engine* e = retired.exchange(nullptr, std::memory_order_acquire); e != nullptr;) {
      Engine* next = e->next_retired;
      delete e;
      e = next;
    }
  }
};

}  // namespace metaworld_rt::control
