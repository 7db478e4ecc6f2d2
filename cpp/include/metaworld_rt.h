/* metaworld_rt: the C interface. C99, no C++ across it, nothing thrown; docs/embedding.md walks through a host.
 *
 * Conventions
 * - Handles are opaque and are released by their own function; releasing NULL is allowed.
 * - Every function that can fail returns mwrt_result. On anything but MWRT_OK the text of mwrt_last_error() says why,
 *   except for the real-time functions, which never write that text.
 * - Every struct begins with its size: set it with MWRT_INIT (or = sizeof). Fields are only ever added at the end, and
 *   the library reads and writes no more than you said you have.
 * - Times are int64 nanoseconds on one monotonic clock that the host chooses. Units are SI, angles rad.
 * - Real-time class, given for each function:
 *     [load]  may allocate, lock, read files: not in the loop.
 *     [post]  may take a mutex that the stepping thread never takes: any other thread, at any time.
 *     [rt]    no malloc, no lock, no system call; bounded time.
 * - Thread: "one stepping thread" means that those functions of one controller are called one after another.
 */
#ifndef METAWORLD_RT_H
#define METAWORLD_RT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define MWRT_API __declspec(dllexport)
#else
#define MWRT_API __attribute__((visibility("default")))
#endif

/* Bumped when a signature or a field changes its meaning; additions leave it. */
#define MWRT_ABI_VERSION 1u

#define MWRT_MAX_JOINTS 64
#define MWRT_MAX_SKILLS 32
#define MWRT_MAX_STAGES 8

/* mwrt_status s; MWRT_INIT(s); */
#define MWRT_INIT(object)                                                        \
  do {                                                                           \
    unsigned char* mwrt_p_ = (unsigned char*)&(object);                          \
    size_t mwrt_i_;                                                              \
    for (mwrt_i_ = 0; mwrt_i_ < sizeof(object); ++mwrt_i_) mwrt_p_[mwrt_i_] = 0; \
    (object).struct_size = (uint32_t)sizeof(object);                             \
  } while (0)

typedef enum mwrt_result {
  MWRT_OK = 0,
  MWRT_INVALID_ARGUMENT = 1, /* a NULL or out of range argument, or a struct_size this version does not know */
  MWRT_REFUSED = 2,          /* a bundle that is damaged, incompatible or fails its self-test; nothing was changed */
  MWRT_OUT_OF_MEMORY = 3,
  MWRT_INTERNAL = 4
} mwrt_result;

typedef struct mwrt_bundle mwrt_bundle;         /* immutable: any number of threads */
typedef struct mwrt_controller mwrt_controller; /* see each function */

/* --- library ------------------------------------------------------------------------------------------------------ */

/* MWRT_ABI_VERSION of the library that is loaded. [rt], any thread. */
MWRT_API uint32_t mwrt_abi_version(void);
/* "0.1.0". Static storage. [rt], any thread. */
MWRT_API const char* mwrt_version(void);
/* Why the last call on this thread failed, one line; "" if none did. Valid until the next failure on this thread. */
MWRT_API const char* mwrt_last_error(void);

/* --- bundle ------------------------------------------------------------------------------------------------------- */

/* Loads a bundle folder or stored zip, checks it in full and replays its self-test. [load] */
MWRT_API mwrt_result mwrt_bundle_load(const char* path, mwrt_bundle** out);
/* The same from the bytes of a stored zip, which may be freed afterwards. `name` is for messages; may be NULL. [load]
 */
MWRT_API mwrt_result mwrt_bundle_load_memory(const void* bytes, size_t size, const char* name, mwrt_bundle** out);
/* Controllers keep what they use. [load] */
MWRT_API void mwrt_bundle_release(mwrt_bundle* bundle);

/* Strings are owned by the bundle. */
typedef struct mwrt_bundle_info {
  uint32_t struct_size;
  uint32_t joints, skills, observation_terms;
  uint32_t observation_size; /* doubles that step() takes */
  uint32_t safe_skill;
  double tick_hz, decision_hz;
  uint32_t has_gate, has_planner;
  const char* name;
  const char* version;
  const char* licence;
  const char* digest; /* SHA-256 of bundle.json, hex */
  const char* robot;
  uint32_t has_handover, reserved;
} mwrt_bundle_info;
MWRT_API mwrt_result mwrt_bundle_get_info(const mwrt_bundle* bundle, mwrt_bundle_info* out); /* [rt] */

typedef struct mwrt_joint {
  uint32_t struct_size;
  uint32_t reserved;
  const char* name;
  double default_pos, lower, upper; /* rad */
  double stiffness, damping;        /* N m/rad, N m s/rad */
  double max_force;                 /* N m */
  double command_rate;              /* rad/s: how fast its target may move */
} mwrt_joint;
MWRT_API mwrt_result mwrt_bundle_get_joint(const mwrt_bundle* bundle, uint32_t index, mwrt_joint* out); /* [rt] */

typedef struct mwrt_term {
  uint32_t struct_size;
  uint32_t offset, size; /* doubles, in the flat observation */
  uint32_t reserved;
  const char* name; /* "base_pos", ...: docs/bundle.md says unit and frame */
} mwrt_term;
MWRT_API mwrt_result mwrt_bundle_get_term(const mwrt_bundle* bundle, uint32_t index, mwrt_term* out); /* [rt] */

typedef struct mwrt_skill {
  uint32_t struct_size;
  uint32_t reserved;
  const char* name;
  const char* description;
} mwrt_skill;
MWRT_API mwrt_result mwrt_bundle_get_skill(const mwrt_bundle* bundle, uint32_t index, mwrt_skill* out); /* [rt] */
/* Index of the skill of that name, or -1. [rt] */
MWRT_API int32_t mwrt_bundle_find_skill(const mwrt_bundle* bundle, const char* name);

/* --- controller: life --------------------------------------------------------------------------------------------- */

typedef struct mwrt_options {
  uint32_t struct_size;
  float alpha;          /* 0..1 replaces every alpha; negative leaves them */
  uint32_t no_semantic; /* 1: skill commands are ignored */
  uint32_t no_gate;     /* 1: as if the bundle had no gate */
  uint32_t lockstep;    /* 1: no age or freeze check of observations, for a plant that waits for the controller */
} mwrt_options;
/* `options` may be NULL: alpha -1 and the rest 0. [load] */
MWRT_API mwrt_result mwrt_controller_create(const mwrt_bundle* bundle, const mwrt_options* options,
                                            mwrt_controller** out);
/* Not while another thread uses it. Ends its planner thread. [load] */
MWRT_API void mwrt_controller_destroy(mwrt_controller* controller);

typedef struct mwrt_planner_options {
  uint32_t struct_size;
  uint32_t in_tick; /* 1: plans inside step(), on the stepping thread; 0: on a thread of its own */
  uint32_t threads; /* 0 or 1: one */
  int32_t cpu;      /* of the planner thread; negative: any */
  int32_t priority; /* SCHED_FIFO of the planner thread, below the loop's; 0: none */
  uint32_t reserved;
  double budget_ms; /* for one plan; 0: the bundle's deadline_ms; negative: none (deterministic) */
  uint64_t seed;
} mwrt_planner_options;
/* Puts the bundle's planner to work. Before the first step. MWRT_REFUSED if the bundle has none. After a swap the
 * planner of the new bundle is used, with the same options. [load] */
MWRT_API mwrt_result mwrt_controller_start_planner(mwrt_controller* controller, const mwrt_planner_options* options);

/* --- controller: one stepping thread ------------------------------------------------------------------------------ */

enum { MWRT_POSITION = 0, MWRT_DAMPING = 1 };
/* tau = kp (q - q_now) - kd qd_now, within the joint's max_force; in MWRT_DAMPING kp is 0. */
typedef struct mwrt_command {
  uint32_t struct_size;
  uint32_t mode;
  int64_t t_ns;
  double q[MWRT_MAX_JOINTS];  /* rad */
  double kp[MWRT_MAX_JOINTS]; /* N m/rad */
  double kd[MWRT_MAX_JOINTS]; /* N m s/rad */
} mwrt_command;

enum { MWRT_RUNNING = 0, MWRT_HOLDING = 1, MWRT_STOPPED = 2 };
/* The safety ladder: indices of mwrt_status.rungs. */
enum {
  MWRT_LATE_PLAN = 0,
  MWRT_STALE_PLAN,
  MWRT_SEMANTIC_STALE,
  MWRT_SEMANTIC_SAFE,
  MWRT_SEMANTIC_REJECTED,
  MWRT_OUTPUT_CLAMPED,
  MWRT_OUTPUT_REJECTED,
  MWRT_OBSERVATION_INVALID,
  MWRT_OBSERVATION_FROZEN,
  MWRT_OBSERVATION_LATE,
  MWRT_CLOCK_JUMP,
  MWRT_DEADLINE_MISSED,
  MWRT_CONTROLLED_STOP,
  MWRT_SWAP_REFUSED,
  MWRT_JOINT_FROZEN,
  MWRT_HANDOVER_UNREADY,
  MWRT_RUNGS,
  MWRT_MAX_RUNGS = 32
};
/* "late_plan", ... or "unknown". [rt], any thread. */
MWRT_API const char* mwrt_rung_name(uint32_t rung);

typedef struct mwrt_status {
  uint32_t struct_size;
  uint32_t mode;
  int64_t t_ns;
  uint64_t tick, decision;
  uint32_t new_decision, plan_used; /* 0 or 1 */
  uint32_t command_id, stage, stages_done;
  uint32_t generation; /* of the bundle: 0 the first, +1 a swap */
  int64_t plan_age_ns, semantic_age_ns;
  float alpha, phase;
  float mixture[MWRT_MAX_SKILLS]; /* fused weights */
  float action[MWRT_MAX_JOINTS];  /* normalised */
  uint64_t rungs[MWRT_MAX_RUNGS]; /* counters since the controller was created */
  int32_t frozen_joint;           /* whose encoder sticks (MWRT_JOINT_FROZEN); -1: none */
  uint32_t reserved;
} mwrt_status;

/* One tick at t_ns: observation[size] (mwrt_bundle_info.observation_size values), measured at observation_t_ns.
 * Always fills `command` with something safe to apply, whatever it is given; `status` may be NULL.
 * MWRT_INVALID_ARGUMENT: controller or command is NULL or of an unknown size (nothing written), or observation is NULL
 * (treated as an invalid observation). [rt] */
MWRT_API mwrt_result mwrt_controller_step(mwrt_controller* controller, int64_t t_ns, int64_t observation_t_ns,
                                          const double* observation, size_t size, mwrt_command* command,
                                          mwrt_status* status);
/* How the tick before went: `missed` deadlines since then (0: in time) count, limits.missed_deadlines_stop of them in a
 * row are a controlled stop. wakeup and duration go into the flight record. [rt] */
MWRT_API mwrt_result mwrt_controller_report(mwrt_controller* controller, uint32_t missed, int64_t wakeup_ns,
                                            int64_t duration_ns);
/* Back to the state after creation: a new episode. [rt] */
MWRT_API mwrt_result mwrt_controller_reset(mwrt_controller* controller);

typedef struct mwrt_statistics {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t ticks, decisions, commands, plans, plan_decisions, plan_iterations;
  int64_t plan_age_p50_ns, plan_age_p99_ns, plan_age_max_ns;
  int64_t plan_duration_p50_ns, plan_duration_p99_ns, plan_duration_max_ns;
} mwrt_statistics;
MWRT_API mwrt_result mwrt_controller_get_statistics(const mwrt_controller* controller, mwrt_statistics* out); /* [rt] */

/* --- controller: any thread, while another steps ------------------------------------------------------------------ */

enum {
  MWRT_UNTIL_NEVER = 0,
  MWRT_UNTIL_ELAPSED,      /* s since the stage began */
  MWRT_UNTIL_DISTANCE,     /* m from where the stage began */
  MWRT_UNTIL_DOOR_HINGE,   /* rad */
  MWRT_UNTIL_DOOR_LATCH,   /* rad */
  MWRT_UNTIL_HAND_TO_GOAL, /* m */
  MWRT_UNTIL_BASE_TO_GOAL, /* m */
  MWRT_UNTIL_PASSED_X,     /* m, world */
  MWRT_UNTIL_UPRIGHT       /* base up-axis z, for 0.5 s */
};
typedef struct mwrt_stage {
  float weights[MWRT_MAX_SKILLS]; /* on the simplex, in the order of the bundle's skills */
  float alpha;                    /* negative: the bundle's */
  float heading, speed;           /* rad, m/s */
  float target[3];                /* m, world; used if has_target */
  uint32_t has_target;
  uint32_t until;
  float threshold;
  float timeout_s; /* 0: none */
} mwrt_stage;
typedef struct mwrt_skill_command {
  uint32_t struct_size;
  uint32_t id;          /* the same id with the same stages refreshes the age only */
  int64_t t_ns;         /* <= 0: stamped when it is taken */
  int64_t ttl_ns;       /* 0: the bundle's */
  uint32_t stage_count; /* 1..MWRT_MAX_STAGES */
  uint32_t reserved;
  mwrt_stage stages[MWRT_MAX_STAGES];
} mwrt_skill_command;
/* In force from the next tick on; the newest wins. What is not valid is refused there (MWRT_SEMANTIC_REJECTED). [post]
 */
MWRT_API mwrt_result mwrt_controller_post(mwrt_controller* controller, const mwrt_skill_command* command);
/* The whole weight on one skill of the bundle accepted last, until the next command; ttl_s 0: the bundle's TTL. [post]
 */
MWRT_API mwrt_result mwrt_controller_post_skill(mwrt_controller* controller, const char* skill, double ttl_s);
/* Controlled stop from the next tick on: damping, until mwrt_controller_rearm(). [rt], also from a signal handler. */
MWRT_API mwrt_result mwrt_controller_stop(mwrt_controller* controller);
/* Ends a controlled stop at the next tick with a valid observation; the safe skill is in force then. [rt] */
MWRT_API mwrt_result mwrt_controller_rearm(mwrt_controller* controller);
/* Puts another bundle in force between two ticks: same robot, joints, observation and rates, else MWRT_REFUSED (which
 * is counted) and nothing changes. `generation` may be NULL. [load], not the stepping thread */
MWRT_API mwrt_result mwrt_controller_swap(mwrt_controller* controller, const mwrt_bundle* bundle, uint32_t* generation);

#ifdef __cplusplus
}
#endif
#endif /* METAWORLD_RT_H */
