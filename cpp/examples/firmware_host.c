/* A firmware host in C99: it owns the loop, the library is one call a tick.
 *
 *   firmware_host BUNDLE [SKILL] [SECONDS]
 *
 * The plant here is the robot on a test stand: the pelvis hangs fixed in the air, the joints move. Replace
 * read_sensors() and write_motors() by your bus; the rest is what a host does.
 */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <metaworld_rt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* --- the plant ---------------------------------------------------------------------------------------------------- */

typedef struct stand {
  uint32_t joints;
  double q[MWRT_MAX_JOINTS], qd[MWRT_MAX_JOINTS], max_force[MWRT_MAX_JOINTS];
  double lower[MWRT_MAX_JOINTS], upper[MWRT_MAX_JOINTS];
} stand;

/* One millisecond of the joints, each with an inertia of 1 kg m^2, under the command's gains. */
static void write_motors(stand* s, const mwrt_command* c) {
  for (int sub = 0; sub < 4; ++sub) {
    for (uint32_t i = 0; i < s->joints; ++i) {
      double torque = c->kp[i] * (c->q[i] - s->q[i]) - c->kd[i] * s->qd[i];
      if (torque > s->max_force[i]) torque = s->max_force[i];
      if (torque < -s->max_force[i]) torque = -s->max_force[i];
      s->qd[i] += 0.00025 * torque;
      s->q[i] += 0.00025 * s->qd[i];
    }
  }
}

static void put(double* observation, const mwrt_term* term, const double* values) {
  memcpy(observation + term->offset, values, term->size * sizeof(double));
}

static void read_sensors(const stand* s, const mwrt_bundle* bundle, uint32_t terms, double* observation) {
  static const double base[3] = {0, 0, 0.98}, upright[4] = {1, 0, 0, 0};
  for (uint32_t i = 0; i < terms; ++i) {
    mwrt_term term;
    MWRT_INIT(term);
    mwrt_bundle_get_term(bundle, i, &term);
    if (strcmp(term.name, "base_pos") == 0) put(observation, &term, base);
    if (strcmp(term.name, "base_quat") == 0) put(observation, &term, upright);
    if (strcmp(term.name, "joint_pos") == 0) put(observation, &term, s->q);
    if (strcmp(term.name, "joint_vel") == 0) put(observation, &term, s->qd);
  }
}

/* --- the host ----------------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t interrupted = 0;
static void on_signal(int number) {
  (void)number;
  interrupted = 1;
}

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void sleep_until(int64_t t_ns) {
  struct timespec t;
  t.tv_sec = (time_t)(t_ns / 1000000000);
  t.tv_nsec = (long)(t_ns % 1000000000);
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0 && !interrupted) {
  }
}

static int give_up(const char* what) {
  fprintf(stderr, "%s: %s\n", what, mwrt_last_error());
  return 1;
}

static int run(mwrt_controller* controller, const mwrt_bundle* bundle, const mwrt_bundle_info* info, double seconds) {
  static double observation[1024];
  stand plant;
  memset(&plant, 0, sizeof plant);
  plant.joints = info->joints;
  for (uint32_t i = 0; i < info->joints; ++i) {
    mwrt_joint joint;
    MWRT_INIT(joint);
    mwrt_bundle_get_joint(bundle, i, &joint);
    plant.q[i] = joint.default_pos;
    plant.max_force[i] = joint.max_force;
    plant.lower[i] = joint.lower;
    plant.upper[i] = joint.upper;
  }

  const int64_t period = (int64_t)(1e9 / info->tick_hz), ticks = (int64_t)(seconds * info->tick_hz);
  int64_t due = now_ns() + period, longest = 0;
  uint64_t misses = 0, outside = 0;
  double moved = 0;
  mwrt_command command;
  mwrt_status status;
  MWRT_INIT(command);
  MWRT_INIT(status);
  for (int64_t k = 0; k < ticks && !interrupted; ++k) {
    sleep_until(due);
    const int64_t woke = now_ns();
    read_sensors(&plant, bundle, info->observation_terms, observation);
    mwrt_controller_step(controller, due, due, observation, info->observation_size, &command, &status);
    const int64_t took = now_ns() - woke;
    write_motors(&plant, &command);
    if (took > longest) longest = took;
    for (uint32_t i = 0; i < plant.joints; ++i) {
      if (!(command.q[i] >= plant.lower[i] && command.q[i] <= plant.upper[i])) ++outside;
      moved += fabs(plant.qd[i]) / info->tick_hz;
    }
    due += period;
    const int64_t late = now_ns() - due;
    const uint32_t missed = late > 0 ? 1 + (uint32_t)(late / period) : 0;
    if (missed > 1) due += (missed - 1) * period;
    misses += missed;
    mwrt_controller_report(controller, missed, woke - due, took);
  }
  /* The last word to the motors is damping, whatever ended the loop. */
  mwrt_controller_stop(controller);
  mwrt_controller_step(controller, due, due, observation, info->observation_size, &command, &status);
  write_motors(&plant, &command);

  printf("%llu ticks, longest %.1f us, %llu missed, joints moved %.2f rad, ended in %s\n",
         (unsigned long long)status.tick + 1, (double)longest * 1e-3, (unsigned long long)misses, moved,
         command.mode == MWRT_DAMPING ? "damping" : "position");
  for (uint32_t r = 0; r < MWRT_RUNGS; ++r)
    if (status.rungs[r] > 0) printf("  %s: %llu\n", mwrt_rung_name(r), (unsigned long long)status.rungs[r]);
  return outside == 0 && command.mode == MWRT_DAMPING ? 0 : 1;
}

int main(int argc, char** argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: %s BUNDLE [SKILL] [SECONDS]\n", argv[0]);
    return 2;
  }
  if (mwrt_abi_version() != MWRT_ABI_VERSION) {
    fprintf(stderr, "built for another version of metaworld_rt\n");
    return 1;
  }
  signal(SIGINT, on_signal);

  mwrt_bundle* bundle = NULL;
  mwrt_controller* controller = NULL;
  mwrt_bundle_info info;
  MWRT_INIT(info);
  if (mwrt_bundle_load(argv[1], &bundle) != MWRT_OK) return give_up(argv[1]);
  mwrt_bundle_get_info(bundle, &info);
  printf("metaworld_rt %s: %s %s for %s, %u skills, %.0f Hz\n", mwrt_version(), info.name, info.version, info.robot,
         info.skills, info.tick_hz);

  int code = 1;
  if (info.observation_size > 1024) {
    fprintf(stderr, "this host has room for 1024 observation values\n");
  } else if (mwrt_controller_create(bundle, NULL, &controller) != MWRT_OK) {
    give_up("controller");
  } else if (argc > 2 && mwrt_controller_post_skill(controller, argv[2], 3600) != MWRT_OK) {
    give_up("skill");
  } else {
    code = run(controller, bundle, &info, argc > 3 ? atof(argv[3]) : 2.0);
  }
  mwrt_controller_destroy(controller);
  mwrt_bundle_release(bundle);
  return code;
}
