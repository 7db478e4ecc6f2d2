// Turns records of the ring into a flight file: raw channels for the replay, JSON channels for people.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "metaworld_rt/bundle.hpp"
#include "metaworld_rt/record.hpp"
#include "record/mcap_writer.hpp"

namespace metaworld_rt::record {

/// The bundles a flight may use, by digest.
using BundleBook = std::map<std::string, std::shared_ptr<const Bundle>>;

/// One thread. Inputs of a tick are held back until the tick is there, so that they carry its time.
class McapSink final : public RecordSink {
 public:
  /// `bundle`: in force at the start. `information` goes into the metadata. Throws Error as McapWriter.
  McapSink(const std::filesystem::path& path, std::shared_ptr<const Bundle> bundle, const Metadata& information);

  void write(const Record& record) override;
  void flush() override { writer_.flush(); }
  /// Where the names of skills are looked up after a swap.
  void set_book(BundleBook book) { book_ = std::move(book); }
  void close();
  std::uint64_t bytes() const noexcept { return writer_.bytes(); }

 private:
  struct Held {
    RecordType type;
    std::uint64_t sequence;
    std::vector<std::byte> bytes;
  };
  void put(RecordType type, std::uint64_t sequence, std::span<const std::byte> bytes);
  void put_held();
  void put_json(std::uint16_t channel, std::uint64_t sequence, const std::string& text);
  void put_people(const TickView& tick, std::uint64_t sequence);
  void put_ladder(const TickView& tick, std::uint64_t sequence);

  McapWriter writer_;
  std::shared_ptr<const Bundle> bundle_;
  BundleBook book_;
  std::map<RecordType, std::uint16_t> binary_;
  std::uint16_t joints_ = 0, status_ = 0, ladder_ = 0, transform_ = 0;
  std::vector<Held> held_;
  std::uint64_t t_ = 0;                  // of the tick at hand
  std::vector<std::int64_t> rung_seen_;  // time each rung was last counted
  std::int64_t quiet_ns_ = 0;            // a rung that did not count for so long is news again
  std::string text_;
};

/// Name of an instruction set as recorded; replays compare it.
std::string isa_of(const Bundle& bundle);

}  // namespace metaworld_rt::record
