#include "record/mcap_sink.hpp"

#include <algorithm>
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <limits>

#include "record/mcap_schemas.hpp"

namespace metaworld_rt::record {
namespace {

constexpr const char* kModes[] = {"running", "holding", "stopped"};

/// JSON has no number for what is not finite: such a field is left out.
void add_field(std::string& out, const char* key, double value) {
  if (!std::isfinite(value)) return;
  char text[32];
  std::snprintf(text, sizeof text, "%.7g", value);
  out += '"';
  out += key;
  out += "\":";
  out += text;
  out += ',';
}
void add_count(std::string& out, const char* key, std::uint64_t value) {
  out += '"';
  out += key;
  out += "\":";
  out += std::to_string(value);
  out += ',';
}
void add_word(std::string& out, const char* key, const char* word) {
  out += '"';
  out += key;
  out += "\":\"";
  out += word;
  out += "\",";
}
void add_stamp(std::string& out, std::uint64_t t) {
  out += "\"timestamp\":{";
  add_count(out, "sec", t / 1'000'000'000);
  add_count(out, "nsec", t % 1'000'000'000);
  out.back() = '}';
  out += ',';
}
/// Ends an object whose last field left a comma.
void end_object(std::string& out) {
  if (out.back() == ',') out.pop_back();
  out += '}';
}
bool serious(Rung rung) {
  return rung == Rung::controlled_stop || rung == Rung::output_rejected || rung == Rung::observation_invalid ||
         rung == Rung::joint_frozen;
}

}  // namespace

std::string isa_of(const Bundle& bundle) {
  return bundle.experts.empty() ? std::string() : std::string(bundle.experts.front().network.isa());
}

McapSink::McapSink(const std::filesystem::path& path, std::shared_ptr<const Bundle> bundle, const Metadata& information)
    : writer_(path),
      bundle_(std::move(bundle)),
      rung_seen_(kRungs, std::numeric_limits<std::int64_t>::min()),
      quiet_ns_(static_cast<std::int64_t>(2e9 / bundle_->decision_hz)) {
  book_[bundle_->digest] = bundle_;
  writer_.metadata(kFlightMetadata, information);
  for (const BinaryChannel& c : kBinaryChannels) {
    const std::string name = "metaworld_rt" + std::string(c.topic.substr(c.topic.rfind('/')));
    const std::uint16_t schema = writer_.schema(name, kBinaryEncoding, binary_layout(c.type));
    binary_[c.type] = writer_.channel(c.topic, schema, kBinaryEncoding);
  }
  const auto json = [this](std::string_view topic, std::string_view name, std::string_view schema) {
    return writer_.channel(topic, writer_.schema(name, "jsonschema", schema), "json");
  };
  joints_ = json("/joints", "metaworld_rt.joints", joints_schema(*bundle_));
  status_ = json("/status", "metaworld_rt.status", status_schema());
  ladder_ = json("/ladder", "foxglove.Log", log_schema());
  transform_ = json("/tf", "foxglove.FrameTransform", transform_schema());
}

void McapSink::put(RecordType type, std::uint64_t sequence, std::span<const std::byte> bytes) {
  const auto channel = binary_.find(type);
  if (channel == binary_.end()) return;
  writer_.message(channel->second, static_cast<std::uint32_t>(sequence), t_, bytes);
}

void McapSink::put_held() {
  for (const Held& h : held_) put(h.type, h.sequence, h.bytes);
  held_.clear();
}

void McapSink::put_json(std::uint16_t channel, std::uint64_t sequence, const std::string& text) {
  writer_.message(channel, static_cast<std::uint32_t>(sequence), t_,
                  std::as_bytes(std::span(text.data(), text.size())));
}

void McapSink::write(const Record& record) {
  if (record.type != RecordType::tick) {
    held_.push_back({record.type, record.sequence, {record.bytes.begin(), record.bytes.end()}});
    if (record.type == RecordType::swap || record.type == RecordType::keyframe) {
      const auto found = book_.find(decode_swap(record.bytes).digest);
      if (found != book_.end()) bundle_ = found->second;
    }
    return;
  }
  const TickView tick = decode_tick(record.bytes);
  t_ = static_cast<std::uint64_t>(std::max<std::int64_t>(0, tick.header.t_ns));
  put_held();
  put(record.type, record.sequence, record.bytes);
  if (tick.header.new_decision || tick.header.tick % 20 == 0) put_people(tick, record.sequence);
  if (tick.header.rungs != 0) put_ladder(tick, record.sequence);
}

void McapSink::put_people(const TickView& tick, std::uint64_t sequence) {
  const TickHeader& h = tick.header;
  const auto term = [&](ObservationKind kind) -> const double* {
    const ObservationTerm* t = bundle_->find(kind);
    return t && t->offset + t->size <= tick.observation.size() ? tick.observation.data() + t->offset : nullptr;
  };
  const double *q = term(ObservationKind::joint_pos), *dq = term(ObservationKind::joint_vel);
  text_.assign(1, '{');
  for (std::size_t i = 0; i < std::min(bundle_->robot.size(), tick.q.size()); ++i) {
    text_ += '"';
    text_ += bundle_->robot.joints[i];
    text_ += "\":{";
    if (q) add_field(text_, "position", q[i]);
    if (dq) add_field(text_, "velocity", dq[i]);
    add_field(text_, "target", tick.q[i]);
    add_field(text_, "action", static_cast<double>(tick.action[i]));
    end_object(text_);
    text_ += ',';
  }
  end_object(text_);
  put_json(joints_, sequence, text_);

  text_.assign(1, '{');
  add_count(text_, "tick", h.tick);
  add_count(text_, "decision", h.decision);
  add_word(text_, "mode", kModes[std::min<unsigned>(h.mode, 2)]);
  add_word(text_, "command_mode", h.command_mode == 0 ? "position" : "damping");
  text_ += h.plan_used ? "\"plan_used\":true," : "\"plan_used\":false,";
  add_field(text_, "plan_age_ms", 1e-6 * static_cast<double>(h.plan_age_ns));
  add_field(text_, "semantic_age_ms", 1e-6 * static_cast<double>(h.semantic_age_ns));
  add_field(text_, "observation_age_ms",
            1e-6 * (static_cast<double>(h.t_ns) - static_cast<double>(h.observation_t_ns)));
  add_field(text_, "alpha", static_cast<double>(h.alpha));
  add_field(text_, "phase", static_cast<double>(h.phase));
  add_count(text_, "stage", h.stage);
  add_count(text_, "command_id", h.command_id);
  add_count(text_, "generation", h.generation);
  add_field(text_, "wakeup_us", 1e-3 * static_cast<double>(h.wakeup_ns));
  add_field(text_, "duration_us", 1e-3 * static_cast<double>(h.duration_ns));
  add_count(text_, "missed", h.missed);
  text_ += "\"mixture\":{";
  for (std::size_t i = 0; i < tick.mixture.size(); ++i) {
    if (i < bundle_->experts.size())
      add_field(text_, bundle_->experts[i].name.c_str(), static_cast<double>(tick.mixture[i]));
  }
  end_object(text_);
  text_ += '}';
  put_json(status_, sequence, text_);

  const auto finite = [](double value) { return std::isfinite(value); };
  const double *p = term(ObservationKind::base_pos), *r = term(ObservationKind::base_quat);
  if (!p || !r || !std::all_of(p, p + 3, finite) || !std::all_of(r, r + 4, finite)) return;
  text_.assign(1, '{');
  add_stamp(text_, t_);
  text_ += R"("parent_frame_id":"world","child_frame_id":"base","translation":{)";
  add_field(text_, "x", p[0]);
  add_field(text_, "y", p[1]);
  add_field(text_, "z", p[2]);
  end_object(text_);
  text_ += ",\"rotation\":{";
  add_field(text_, "x", r[1]);
  add_field(text_, "y", r[2]);
  add_field(text_, "z", r[3]);
  add_field(text_, "w", r[0]);
  end_object(text_);
  text_ += '}';
  put_json(transform_, sequence, text_);
}

/// One line when a rung begins to count, not one a tick while it lasts.
void McapSink::put_ladder(const TickView& tick, std::uint64_t sequence) {
  const TickHeader& h = tick.header;
  for (std::size_t i = 0; i < kRungs; ++i) {
    if ((h.rungs >> i & 1u) == 0) continue;
    const bool news = rung_seen_[i] == std::numeric_limits<std::int64_t>::min() || h.t_ns < rung_seen_[i] ||
                      h.t_ns - rung_seen_[i] > quiet_ns_;
    rung_seen_[i] = h.t_ns;
    if (!news) continue;
    const auto rung = static_cast<Rung>(i);
    text_.assign(1, '{');
    add_stamp(text_, t_);
    add_count(text_, "level", serious(rung) ? 4 : 3);
    text_ += "\"message\":\"";
    text_ += name(rung);
    if (rung == Rung::joint_frozen && h.frozen_joint > 0 && h.frozen_joint <= bundle_->robot.size())
      text_ += " (" + bundle_->robot.joints[h.frozen_joint - 1u] + ")";
    text_ += " at tick ";
    text_ += std::to_string(h.tick);
    text_ += ", now ";
    text_ += kModes[std::min<unsigned>(h.mode, 2)];
    text_ += "\",";
    add_word(text_, "name", name(rung));
    text_ += "\"file\":\"\",\"line\":0,";
    add_count(text_, "tick", h.tick);
    end_object(text_);
    put_json(ladder_, sequence, text_);
  }
}

void McapSink::close() {
  put_held();
  writer_.close();
}

}  // namespace metaworld_rt::record
