"""
The C++ core of metaworld_rt. Use it through `import metaworld_rt`.
"""
from __future__ import annotations
import collections.abc
import numpy
import numpy.typing
import os
import typing
__all__: list[str] = ['BareTimer', 'Bundle', 'Command', 'CommandMode', 'Controller', 'Error', 'FlightRecorder', 'Goal', 'Histogram', 'LoopReport', 'MAX_SKILLS', 'MAX_STAGES', 'Mode', 'MppiPlanner', 'Network', 'OrtPlanner', 'OrtSession', 'Planner', 'PlannerReport', 'PlannerThread', 'RUNGS', 'RealtimeLoop', 'ReferencePlanner', 'SkillCommand', 'SlowTickWatch', 'Stage', 'Status', 'Until', 'answer_request', 'flight_events', 'flight_information', 'flight_ticks', 'force_isa', 'hog', 'load', 'load_memory', 'measure_peak', 'monotonic_ns', 'onnxruntime_version', 'qualify_stage', 'replay', 'report_timing', 'restore', 'supported_isas', 'time_gemm']
class Until:
    """
    When a stage is done; the threshold's unit is in the comment of each value.
    
    Members:
    
      never
    
      elapsed : s since the stage began
    
      distance : m travelled horizontally since the stage began
    
      door_hinge : hinge angle >= threshold, rad
    
      door_latch : latch angle >= threshold, rad
    
      hand_to_goal : left hand within threshold of the goal, m
    
      base_to_goal : base horizontally within threshold of the goal, m
    
      passed_x : base x >= threshold, world, m
    
      upright : base up-axis z >= threshold for 0.5 s
    """
    __members__: typing.ClassVar[dict[str, Until]]
    base_to_goal: typing.ClassVar[Until]
    distance: typing.ClassVar[Until]
    door_hinge: typing.ClassVar[Until]
    door_latch: typing.ClassVar[Until]
    elapsed: typing.ClassVar[Until]
    hand_to_goal: typing.ClassVar[Until]
    never: typing.ClassVar[Until]
    passed_x: typing.ClassVar[Until]
    upright: typing.ClassVar[Until]
    @typing.overload
    def __eq__(self, other: Until) -> bool:
        ...
    @typing.overload
    def __eq__(self, other: typing.Any) -> bool:
        ...
    def __getstate__(self) -> int:
        ...
    def __hash__(self) -> int:
        ...
    def __index__(self) -> int:
        ...
    def __init__(self, value: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    def __int__(self) -> int:
        ...
    @typing.overload
    def __ne__(self, other: Until) -> bool:
        ...
    @typing.overload
    def __ne__(self, other: typing.Any) -> bool:
        ...
    def __repr__(self) -> str:
        ...
    def __setstate__(self, state: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    def __str__(self) -> str:
        ...
    @property
    def name(self) -> str:
        ...
    @property
    def value(self) -> int:
        ...
class CommandMode:
    """
    How a plant must read a Command.
    
    Members:
    
      position : tau = kp (q - q_now) - kd qd_now, clamped to max_force
    
      damping : tau = -kd qd_now: the controlled stop
    """
    __members__: typing.ClassVar[dict[str, CommandMode]]
    damping: typing.ClassVar[CommandMode]
    position: typing.ClassVar[CommandMode]
    @typing.overload
    def __eq__(self, other: CommandMode) -> bool:
        ...
    @typing.overload
    def __eq__(self, other: typing.Any) -> bool:
        ...
    def __getstate__(self) -> int:
        ...
    def __hash__(self) -> int:
        ...
    def __index__(self) -> int:
        ...
    def __init__(self, value: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    def __int__(self) -> int:
        ...
    @typing.overload
    def __ne__(self, other: CommandMode) -> bool:
        ...
    @typing.overload
    def __ne__(self, other: typing.Any) -> bool:
        ...
    def __repr__(self) -> str:
        ...
    def __setstate__(self, state: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    def __str__(self) -> str:
        ...
    @property
    def name(self) -> str:
        ...
    @property
    def value(self) -> int:
        ...
class Mode:
    """
    What the controller is doing.
    
    Members:
    
      running
    
      holding : last command held; recovers by itself
    
      stopped : controlled stop; rearm() to leave
    """
    __members__: typing.ClassVar[dict[str, Mode]]
    holding: typing.ClassVar[Mode]
    running: typing.ClassVar[Mode]
    stopped: typing.ClassVar[Mode]
    @typing.overload
    def __eq__(self, other: Mode) -> bool:
        ...
    @typing.overload
    def __eq__(self, other: typing.Any) -> bool:
        ...
    def __getstate__(self) -> int:
        ...
    def __hash__(self) -> int:
        ...
    def __index__(self) -> int:
        ...
    def __init__(self, value: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    def __int__(self) -> int:
        ...
    @typing.overload
    def __ne__(self, other: Mode) -> bool:
        ...
    @typing.overload
    def __ne__(self, other: typing.Any) -> bool:
        ...
    def __repr__(self) -> str:
        ...
    def __setstate__(self, state: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    def __str__(self) -> str:
        ...
    @property
    def name(self) -> str:
        ...
    @property
    def value(self) -> int:
        ...
class Goal:
    """
    What a skill should aim at. A field that a skill does not read is ignored.
    """
    def __init__(self, heading: typing.SupportsFloat | typing.SupportsIndex = 0.0, speed: typing.SupportsFloat | typing.SupportsIndex = 0.0, target: typing.Annotated[collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], "FixedSize(3)"] | None = None) -> None:
        """
        Args:
            heading: world yaw to face and move along, rad.
            speed: m/s along the heading; 0 lets the skill choose.
            target: world position for a hand, m, or None.
        """
    @property
    def heading(self) -> float:
        ...
    @property
    def speed(self) -> float:
        ...
    @property
    def target(self) -> typing.Annotated[list[float], "FixedSize(3)"] | None:
        ...
class Stage:
    """
    One step of a skill plan: weights over the bundle's experts, and when to go on.
    """
    def __init__(self, weights: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], alpha: typing.SupportsFloat | typing.SupportsIndex = -1.0, goal: Goal = ..., until: Until = ..., threshold: typing.SupportsFloat | typing.SupportsIndex = 0.0, timeout_s: typing.SupportsFloat | typing.SupportsIndex = 0.0) -> None:
        """
        Args:
            weights: one a skill of the bundle, in its order, each >= 0, sum 1 (checked by the controller).
            alpha: trust in these weights against the gate, 0..1; negative takes the bundle's value.
            goal: what to aim at.
            until: when the stage is done; `threshold` is in the unit it names.
            threshold: see until.
            timeout_s: go on after this long whatever `until` says; 0 = no timeout.
        
        Raises:
            ValueError: more weights than a bundle can have skills.
        """
    @property
    def alpha(self) -> float:
        ...
    @property
    def goal(self) -> Goal:
        ...
    @property
    def threshold(self) -> float:
        ...
    @property
    def timeout_s(self) -> float:
        ...
    @property
    def until(self) -> Until:
        ...
    @property
    def weights(self) -> numpy.typing.NDArray[numpy.float32]:
        """
        float32[32], entries past the bundle's skills are 0.
        """
class SkillCommand:
    """
    What the semantic layer asks for: 1 to 8 stages. Newest wins.
    """
    def __init__(self, stages: collections.abc.Sequence[Stage], t_ns: typing.SupportsInt | typing.SupportsIndex = 0, ttl_ns: typing.SupportsInt | typing.SupportsIndex = 0, id: typing.SupportsInt | typing.SupportsIndex = 0) -> None:
        """
        Args:
            stages: 1 to 8 stages, followed in order.
            t_ns: when it was made, on the clock that is passed to step().
            ttl_ns: how long it may be followed without being renewed; 0 takes the bundle's value.
            id: a command with the id of the one before renews it without starting its stages again.
        
        Raises:
            ValueError: no stage, or more than 8.
        """
    @property
    def id(self) -> int:
        ...
    @property
    def stages(self) -> list[Stage]:
        ...
    @property
    def t_ns(self) -> int:
        ...
    @property
    def ttl_ns(self) -> int:
        ...
class Command:
    """
    One command to the joints, in bundle joint order.
    """
    @property
    def kd(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        float64[n], N m s/rad.
        """
    @property
    def kp(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        float64[n], N m/rad.
        """
    @property
    def mode(self) -> CommandMode:
        ...
    @property
    def q(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        float64[n], position target, rad.
        """
    @property
    def t_ns(self) -> int:
        ...
class Status:
    """
    What one tick did.
    """
    @property
    def action(self) -> numpy.typing.NDArray[numpy.float32]:
        """
        float32[n], the normalised action of this decision.
        """
    @property
    def alpha(self) -> float:
        ...
    @property
    def command_id(self) -> int:
        ...
    @property
    def decision(self) -> int:
        ...
    @property
    def frozen_joint(self) -> int:
        """
        Index of the joint whose encoder sticks (rung joint_frozen); -1: none.
        """
    @property
    def generation(self) -> int:
        """
        Which bundle is in force: 0 the first, +1 a swap.
        """
    @property
    def mixture(self) -> numpy.typing.NDArray[numpy.float32]:
        """
        float32[skills], the fused weights over the experts.
        """
    @property
    def mode(self) -> Mode:
        ...
    @property
    def new_decision(self) -> bool:
        ...
    @property
    def phase(self) -> float:
        """
        Gait phase, cycles in [0, 1).
        """
    @property
    def plan_age_ns(self) -> int:
        ...
    @property
    def plan_used(self) -> bool:
        """
        False: the expert mixture was followed.
        """
    @property
    def reference(self) -> numpy.typing.NDArray[numpy.float32]:
        """
        float32[n], a_ref, the expert mixture's normalised action.
        """
    @property
    def rungs(self) -> dict:
        """
        dict[str, int]: the safety ladder's counters since construction.
        """
    @property
    def semantic_age_ns(self) -> int:
        ...
    @property
    def stage(self) -> int:
        ...
    @property
    def stages_done(self) -> bool:
        """
        The last stage's condition has been met.
        """
    @property
    def t_ns(self) -> int:
        ...
    @property
    def tick(self) -> int:
        ...
class Histogram:
    """
    Latencies in constant memory. Quantiles are at most 1.6 % above the true sample, never below; the maximum is exact.
    """
    def __init__(self) -> None:
        ...
    def buckets_us(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        float64[B, 3]: lower edge us, upper edge us, count; only those with samples.
        """
    def merge(self, other: Histogram) -> None:
        ...
    def quantile_us(self, q: typing.SupportsFloat | typing.SupportsIndex) -> float:
        """
        q in 0..1; 0 if there is no sample.
        """
    def record(self, ns: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        Adds one sample, ns; a negative one counts as 0.
        """
    def summary_us(self) -> dict:
        """
        dict: p50, p99, p999, max, us.
        """
    @property
    def count(self) -> int:
        ...
    @property
    def max_us(self) -> float:
        ...
    @property
    def mean_us(self) -> float:
        ...
class Network:
    """
    One neural network on the native engine (batch 1, float32). Raises an error that names the node and the op if the engine does not support the graph.
    """
    @staticmethod
    def from_bytes(data: bytes, name: str = 'network') -> Network:
        """
        Reads the bytes of an .onnx file; `name` is used in messages.
        """
    @staticmethod
    def from_file(path: os.PathLike | str | bytes) -> Network:
        """
        Reads an .onnx file.
        """
    def measure(self, x: numpy.ndarray, calls: typing.SupportsInt | typing.SupportsIndex) -> dict:
        """
        Runs x `calls` times. Returns dict: seconds (float64[calls]), mallocs and locks (None unless the counting library is preloaded).
        """
    def run(self, x: numpy.ndarray) -> numpy.typing.NDArray[numpy.float32]:
        """
        x: float32 vector, all inputs one after another in graph order; returns all outputs the same way.
        """
    @property
    def inputs(self) -> list[tuple[str, int]]:
        """
        (name, size) in graph order.
        """
    @property
    def isa(self) -> str:
        """
        Instruction set the weights are packed for.
        """
    @property
    def metadata(self) -> dict[str, str]:
        """
        The ONNX metadata_props.
        """
    @property
    def operations(self) -> list[str]:
        """
        What the engine runs, one line an operation.
        """
    @property
    def outputs(self) -> list[tuple[str, int]]:
        """
        (name, size) in graph order.
        """
class Error(RuntimeError):
    """
    Something that was loaded is not usable; the message says what, and what to do about it.
    """
class Bundle:
    """
    A loaded, checked and self-tested bundle. Immutable; safe from any thread. Schema: docs/bundle.md.
    """
    def __repr__(self) -> str:
        ...
    @property
    def action_scale(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        float64[n], rad per unit of normalised action.
        """
    @property
    def alpha(self) -> float:
        ...
    @property
    def command_rate(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        float64[n], rad/s, how fast a position target may move.
        """
    @property
    def damping(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        float64[n], N m s/rad.
        """
    @property
    def decision_hz(self) -> float:
        ...
    @property
    def default_pos(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        float64[n], rad.
        """
    @property
    def descriptions(self) -> dict:
        """
        dict[str, str]: one line an expert.
        """
    @property
    def digest(self) -> str:
        """
        SHA-256 of bundle.json, which names all other digests.
        """
    @property
    def feature_size(self) -> int:
        ...
    @property
    def features(self) -> list:
        """
        list[tuple[str, int]]: the terms of phi, in order.
        """
    @property
    def files(self) -> typing.Any:
        """
        dict[str, dict]: bytes and sha256 of every file.
        """
    @property
    def has_gate(self) -> bool:
        ...
    @property
    def has_handover(self) -> bool:
        """
        bool: a commanded skill waits until it can take over.
        """
    @property
    def has_world_model(self) -> bool:
        ...
    @property
    def interpolate(self) -> bool:
        ...
    @property
    def joints(self) -> list[str]:
        """
        Joint names, plant order.
        """
    @property
    def licence(self) -> str:
        ...
    @property
    def lower(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        float64[n], rad.
        """
    @property
    def max_force(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        float64[n], N m.
        """
    @property
    def name(self) -> str:
        ...
    @property
    def observation(self) -> list:
        """
        list[tuple[str, int]]: the terms of the flat observation, in order.
        """
    @property
    def observation_size(self) -> int:
        ...
    @property
    def phase_periods(self) -> typing.Any:
        """
        dict[str, float]: s; 0 without a gait phase.
        """
    @property
    def planned_skills(self) -> list[str]:
        """
        list of str: the skills that the planner is for; it plans where no other is commanded.
        """
    @property
    def planner(self) -> typing.Any:
        """
        dict or None: the planner settings.
        """
    @property
    def provenance(self) -> str:
        """
        JSON text.
        """
    @property
    def robot(self) -> str:
        ...
    @property
    def safe_skill(self) -> str:
        ...
    @property
    def selftest_cases(self) -> int:
        ...
    @property
    def semantic_ttl_ms(self) -> float:
        ...
    @property
    def skills(self) -> list:
        """
        list[str]: expert names, in weight order.
        """
    @property
    def stiffness(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        float64[n], N m/rad.
        """
    @property
    def stop_damping(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        float64[n], N m s/rad, of the controlled stop.
        """
    @property
    def tick_hz(self) -> float:
        ...
    @property
    def upper(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        float64[n], rad.
        """
    @property
    def version(self) -> str:
        ...
class Planner:
    """
    Whatever plans. One instance serves one controller.
    """
class Controller:
    """
    One call a tick turns an observation into a joint command, whatever the slow layers do.
    
    The host owns the loop and calls step(); RealtimeLoop does that on a thread of its own. Times are nanoseconds on one monotonic clock that the host chooses. Before the first skill command the safe skill is in force. The same calls with the same values give the same bits.
    
    Method: MetaWorld (arXiv 2601.17507), a_ref = sum_i w_i pi_i(s), w = alpha * semantic + (1 - alpha) * gate.
    """
    def __init__(self, bundle: Bundle, alpha: typing.SupportsFloat | typing.SupportsIndex = -1.0, use_semantic: bool = True, use_gate: bool = True, sensor_checks: bool = True, planned_skills_only: bool = True) -> None:
        """
        Args:
            bundle: what load() gave.
            alpha: 0..1 replaces every alpha of bundle and stages; negative leaves them.
            use_semantic: False ignores skill commands (ablation no-semantic).
            use_gate: False is as if the bundle had no gate (ablation no-gate).
            sensor_checks: False leaves out age and freeze checks of observations, for a plant that is stepped in lockstep.
            planned_skills_only: False plans for every skill, also those that the bundle's planner is not for (ablations).
        
        Raises:
            Error: the bundle's features need an observation term that it does not have.
        """
    def expect_plans(self, expected: bool) -> None:
        """
        Says that a planner thread is there, so that a missing plan is counted from the start.
        """
    def measure(self, observations: typing.Annotated[numpy.typing.ArrayLike, numpy.float64], ticks: typing.SupportsInt | typing.SupportsIndex, seconds: typing.SupportsFloat | typing.SupportsIndex = 0.0) -> dict:
        """
        Times step() on this thread over a cycle of observations, for benchmarks.
        
        Args:
            observations: float64[rows, bundle.observation_size].
            ticks: how many at most.
            seconds: stop after this long; 0: no limit.
        
        Returns:
            dict: ticks, duration and decisions (Histograms of all ticks and of those that decide), mallocs and locks (None unless the counting library is preloaded).
        """
    def note_refused_swap(self) -> None:
        """
        Counts a bundle that load() refused before it could be swapped in. Any thread.
        """
    def post_command(self, command: SkillCommand) -> None:
        """
        Posts a skill command from any thread; the newest wins, in force from the next tick. One that is not valid is refused by the tick: the one before stays, and rung semantic_rejected counts.
        """
    def rearm(self) -> None:
        """
        Ends a controlled stop at the next valid observation. Any thread.
        """
    def request_stop(self) -> None:
        """
        Controlled stop from the next tick on: damping until rearm(). Any thread.
        """
    def reset(self) -> None:
        """
        Back to the state after construction; bundle, planner and recorder stay.
        """
    def set_planner(self, planner: Planner, budget_ns: typing.SupportsInt | typing.SupportsIndex = 0) -> None:
        """
        Plans inside the tick of every decision, for budget_ns at most; 0: no deadline, deterministic.
        """
    def statistics(self) -> dict:
        """
        dict of counters since construction or reset(); plan_age and plan_duration are Histograms.
        """
    def step(self, t_ns: typing.SupportsInt | typing.SupportsIndex, observation: typing.Any, observation_t_ns: typing.SupportsInt | typing.SupportsIndex | None = None) -> Command:
        """
        One tick. Real-time safe inside; the GIL is released.
        
        Args:
            t_ns: now.
            observation: float64[bundle.observation_size], contiguous, in the order and units of bundle.observation (docs/bundle.md). NaN and infinities are met by the safety ladder, not by an exception.
            observation_t_ns: when it was measured; None: now.
        
        Returns:
            The command to apply, always safe.
        
        Raises:
            TypeError: not a float64 array.
            ValueError: wrong shape or not contiguous.
            RuntimeError: another thread or a RealtimeLoop is stepping this controller.
        """
    def swap(self, bundle: Bundle, planner: Planner = None) -> int:
        """
        Puts a bundle in force between two ticks; returns the generation of plan requests.
        
        Raises:
            Error: another robot, observation or rates; nothing is changed and rung swap_refused counts.
        """
    @property
    def bundle(self) -> Bundle:
        ...
    @property
    def status(self) -> Status:
        """
        Status of the last step(); RealtimeLoop.status() has the loop's.
        """
class MppiPlanner(Planner):
    """
    The latent MPPI planner on the native engine (docs/bundle.md, "The planner, exactly").
    """
    @staticmethod
    def from_networks(networks: collections.abc.Mapping[str, bytes], *, vmin: typing.SupportsFloat | typing.SupportsIndex = -10.0, vmax: typing.SupportsFloat | typing.SupportsIndex = 10.0, discount: typing.SupportsFloat | typing.SupportsIndex = 0.9900000095367432, decision_hz: typing.SupportsFloat | typing.SupportsIndex = 50.0, calibration: typing.Annotated[numpy.typing.ArrayLike, numpy.float32] | None = None, threads: typing.SupportsInt | typing.SupportsIndex = 1, cpus: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex] = [], seed: typing.SupportsInt | typing.SupportsIndex = 0, gate: bool = True, **kwargs) -> MppiPlanner:
        """
        A planner without a bundle, for tests and benchmarks.
        
        Args:
            networks: ONNX bytes by name: encoder, dynamics, reward, q0, q1, prior, optionally termination and expert0, expert1, ... (latent heads).
            calibration: float32[k, phi + c] states for the precision gate.
        """
    def __init__(self, bundle: Bundle, *, threads: typing.SupportsInt | typing.SupportsIndex = 1, cpus: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex] = [], seed: typing.SupportsInt | typing.SupportsIndex = 0, gate: bool = True, **kwargs) -> None:
        """
        Args:
            bundle: with a world model.
            threads: the caller's included; the plan does not depend on it.
            cpus: CPU of the 2nd, 3rd, ... thread.
            seed: of the noise.
            gate: False runs low precision without checking it against fp32.
            settings: any key of bundle.json's `planner`, in place of the bundle's value.
        
        Raises:
            Error: no world model, or a network the batched planner cannot run.
        """
    def measure(self, phi: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], *, condition: typing.Annotated[numpy.typing.ArrayLike, numpy.float32] | None = None, mixture: typing.Annotated[numpy.typing.ArrayLike, numpy.float32] | None = None, reference: typing.Annotated[numpy.typing.ArrayLike, numpy.float32] | None = None, seconds: typing.SupportsFloat | typing.SupportsIndex = 1.0, least: typing.SupportsInt | typing.SupportsIndex = 5, warm_up: typing.SupportsInt | typing.SupportsIndex = 3) -> numpy.typing.NDArray[numpy.int64]:
        """
        Durations in ns of plans one after another, without Python between them.
        """
    def plan(self, phi: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], *, condition: typing.Annotated[numpy.typing.ArrayLike, numpy.float32] | None = None, mixture: typing.Annotated[numpy.typing.ArrayLike, numpy.float32] | None = None, reference: typing.Annotated[numpy.typing.ArrayLike, numpy.float32] | None = None, t_ns: typing.SupportsInt | typing.SupportsIndex = 0, decision: typing.SupportsInt | typing.SupportsIndex = 0, budget_ns: typing.SupportsInt | typing.SupportsIndex = -1) -> dict:
        """
        Plans one decision. `budget_ns` < 0: no deadline.
        
        Returns:
            dict with action and std float32[H, n], finite, deadline_hit, iterations, samples, value, duration_ns.
        """
    def reset(self) -> None:
        """
        Forgets the warm start.
        """
    def trace(self, phi: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], *, condition: typing.Annotated[numpy.typing.ArrayLike, numpy.float32] | None = None, mixture: typing.Annotated[numpy.typing.ArrayLike, numpy.float32] | None = None, reference: typing.Annotated[numpy.typing.ArrayLike, numpy.float32] | None = None, prior_noise: typing.Annotated[numpy.typing.ArrayLike, numpy.float32] | None = None, expert_noise: typing.Annotated[numpy.typing.ArrayLike, numpy.float32] | None = None, sample_noise: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], prev_mean: typing.Annotated[numpy.typing.ArrayLike, numpy.float32] | None = None) -> dict:
        """
        Plans with the noise given: prior [H, P, n], expert [H, E, n], sample [I, H, N - P - E, n].
        
        Returns:
            what plan() does, with values [I, N], elites [I, K], means and stds [I, H, n] and actions [I, N, H, n] of every iteration.
        """
    @property
    def flop(self) -> float:
        """
        Operations of a whole plan, padding not counted.
        """
    @property
    def kernel(self) -> str:
        """
        The kernels that run, such as 'int8-vpdpbusd'.
        """
    @property
    def precision(self) -> dict:
        """
        dict: what the low-precision gate found.
        """
class OrtSession:
    """
    One ONNX model in ONNX Runtime, loaded by the C++ core.
    """
    def __init__(self, model: bytes, *, library: str = '', threads: typing.SupportsInt | typing.SupportsIndex = 1, spin: bool = False, provider: str = 'CPU', provider_options: collections.abc.Mapping[str, str] = {}) -> None:
        """
        Args:
            model: the bytes of an ONNX file.
            library: path of libonnxruntime; empty: see MWRT_ONNXRUNTIME.
            threads: of one operator.
            spin: idle threads may spin.
            provider: execution provider.
        
        Raises:
            Error: no library, or the model or provider is refused.
        """
    def measure(self, inputs: collections.abc.Sequence[typing.Annotated[numpy.typing.ArrayLike, numpy.float32]], calls: typing.SupportsInt | typing.SupportsIndex) -> dict:
        """
        Runs the inputs `calls` times with buffers bound once. Returns dict: seconds (float64[calls]), mallocs and locks (None unless the counting library is preloaded).
        """
    def run(self, inputs: collections.abc.Sequence[typing.Annotated[numpy.typing.ArrayLike, numpy.float32]]) -> list:
        """
        One float32 array an input; returns one an output.
        """
    @property
    def inputs(self) -> list:
        """
        (name, shape) of each.
        """
    @property
    def outputs(self) -> list:
        """
        (name, shape) of each.
        """
class OrtPlanner(Planner):
    """
    A bundle's plan.onnx as a planner, in ONNX Runtime. It cannot stop at a deadline.
    """
    def __init__(self, bundle: Bundle, plan_onnx: bytes, *, library: str = '', threads: typing.SupportsInt | typing.SupportsIndex = 1, spin: bool = False, provider: str = 'CPU', provider_options: collections.abc.Mapping[str, str] = {}, seed: typing.SupportsInt | typing.SupportsIndex = 0) -> None:
        """
        Args:
            bundle: with a world model and planner settings.
            plan_onnx: the bytes of its plan file.
            seed: of the noise, which is MppiPlanner's.
            The others: see OrtSession.
        
        Raises:
            Error: as OrtSession, or the file is not the bundle's.
        """
    def plan(self, phi: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], *, condition: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], mixture: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], reference: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], t_ns: typing.SupportsInt | typing.SupportsIndex = 0, decision: typing.SupportsInt | typing.SupportsIndex = 0) -> dict:
        """
        Plans one decision. Returns dict with action and std float32[H, n], finite, value, duration_ns.
        """
    def reset(self) -> None:
        """
        Forgets the warm start.
        """
    @property
    def last_error(self) -> str:
        ...
class LoopReport:
    """
    How a loop went. Complete after join().
    """
    @property
    def allocations(self) -> int | None:
        """
        Inside step(); None where they are not counted.
        """
    @property
    def duration(self) -> Histogram:
        """
        Histogram: Controller.step.
        """
    @property
    def fifo(self) -> bool:
        ...
    @property
    def locked(self) -> bool:
        ...
    @property
    def locks(self) -> int | None:
        ...
    @property
    def major_faults(self) -> int:
        ...
    @property
    def minor_faults(self) -> int:
        """
        Page faults of the thread after its warm-up.
        """
    @property
    def misses(self) -> int:
        """
        Deadlines that passed: late ticks, and ticks skipped for them.
        """
    @property
    def pinned(self) -> bool:
        ...
    @property
    def rate_hz(self) -> float:
        ...
    @property
    def syscalls(self) -> int | None:
        ...
    @property
    def ticks(self) -> int:
        ...
    @property
    def waited_ticks(self) -> int:
        """
        Before the first observation; nothing was stepped.
        """
    @property
    def wakeup(self) -> Histogram:
        """
        Histogram: actual - planned wake-up.
        """
    @property
    def warnings(self) -> list[str]:
        """
        Each with its remedy.
        """
class PlannerReport:
    """
    How a planner thread went.
    """
    @property
    def deadline_hits(self) -> int:
        ...
    @property
    def duration(self) -> Histogram:
        ...
    @property
    def iterations(self) -> int:
        ...
    @property
    def not_finite(self) -> int:
        ...
    @property
    def plans(self) -> int:
        ...
    @property
    def warnings(self) -> list[str]:
        ...
class RealtimeLoop:
    """
    Runs a controller on a C++ thread: absolute-time ticks, measured, no Python in it.
    
    The plant observes and reads commands from one other thread; neither side ever waits for the other. Nothing is stepped before the first observation. What the system refuses (SCHED_FIFO, mlockall, affinity) becomes a warning in report(), with its remedy.
    """
    def __init__(self, controller: Controller, rate_hz: typing.SupportsFloat | typing.SupportsIndex = 0.0, duration_s: typing.SupportsFloat | typing.SupportsIndex = 0.0, priority: typing.SupportsInt | typing.SupportsIndex = 80, cpu: typing.SupportsInt | typing.SupportsIndex = -1, lock_memory: bool = True, end: CommandMode = ...) -> None:
        """
        Args:
            controller: stepped by this loop alone from start() to join().
            rate_hz: ticks a second; 0 takes the bundle's.
            duration_s: 0 runs until stop().
            priority: SCHED_FIFO 1..99; 0 leaves the scheduler as it is.
            cpu: pin to this core; negative: no.
            lock_memory: mlockall.
            end: what the plant gets last: damping, or position to hold the last target.
        
        Raises:
            Error: bad options.
        """
    def command(self) -> Command | None:
        """
        The newest command, or None if there is none since the last call. Wait-free.
        """
    def join(self) -> None:
        """
        Waits until the thread has ended.
        """
    def observe(self, t_ns: typing.SupportsInt | typing.SupportsIndex, observation: typing.Any) -> None:
        """
        A new observation from the plant's thread, measured at t_ns (monotonic_ns). Wait-free.
        
        Args:
            observation: float64[bundle.observation_size], contiguous.
        
        Raises:
            TypeError, ValueError: wrong dtype or shape; nothing is written.
        """
    def report(self) -> LoopReport:
        """
        LoopReport; complete after join().
        """
    def start(self) -> None:
        """
        Raises:
            Error: it was started before.
            RuntimeError: the controller is in use.
        """
    def status(self) -> Status:
        """
        Status of the newest tick. Any thread.
        """
    def stop(self) -> None:
        """
        Asks it to end after the tick at hand; it then sends the end command.
        """
    @property
    def running(self) -> bool:
        ...
class PlannerThread:
    """
    A planner on a C++ thread: takes the newest request, plans until its deadline, posts the plan.
    """
    def __init__(self, controller: Controller, planner: Planner, budget_ns: typing.SupportsInt | typing.SupportsIndex = 0, priority: typing.SupportsInt | typing.SupportsIndex = 0, cpu: typing.SupportsInt | typing.SupportsIndex = -1) -> None:
        """
        Args:
            controller: made before its first step.
            planner: serves this thread alone.
            budget_ns: from the moment a request is taken; 0: no deadline.
            priority: SCHED_FIFO below the servo's; 0: none.
            cpu: pin to this core; negative: no.
        """
    def report(self) -> PlannerReport:
        ...
    def set_planner(self, planner: Planner, generation: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    def start(self) -> None:
        ...
    def stop(self) -> None:
        """
        Returns once the thread has ended.
        """
class FlightRecorder:
    """
    Records a controller: an MCAP file, dumps of the last seconds at a fault, or both.
    
    The loop writes into a ring of constant memory; a thread that is not real-time drains it. Opens in Foxglove; replay() runs it again.
    """
    def __init__(self, controller: Controller, file: os.PathLike | str | bytes = '', dump_folder: os.PathLike | str | bytes = '', dump_seconds: typing.SupportsFloat | typing.SupportsIndex = 5.0, after_seconds: typing.SupportsFloat | typing.SupportsIndex = 0.5, seed: typing.SupportsInt | typing.SupportsIndex = 0, note: str = '') -> None:
        """
        Args:
            controller: not being stepped now.
            file: everything goes here; empty: no continuous record.
            dump_folder: fault-N-RUNG.mcap files go here; empty: none.
            dump_seconds: before a fault, at least, 0.1..60.
            after_seconds: and after it.
            seed, note: kept in the file.
        
        Raises:
            Error: the file cannot be written, or neither file nor folder is given.
            RuntimeError: the controller is being stepped.
        """
    def add_bundle(self, bundle: Bundle) -> None:
        """
        A bundle that may be swapped in; call it before Controller.swap.
        """
    def report(self) -> dict:
        """
        dict: records, dropped, file_bytes, faults, dumps, error. Complete after stop().
        """
    def request_dump(self) -> None:
        """
        Writes a dump after after_seconds, whatever the ladder says.
        """
    def stop(self) -> None:
        """
        Detaches, drains the rest and closes the files.
        
        Raises:
            RuntimeError: the controller is being stepped; stop the loop first.
        """
class ReferencePlanner(Planner):
    """
    Plans what the expert mixture wants, held over the horizon. For fault injection.
    """
    def __init__(self, bundle: Bundle, horizon: typing.SupportsInt | typing.SupportsIndex = 5) -> None:
        ...
class SlowTickWatch:
    """
    Which ticks of a controller woke or took more than half a period, or missed a deadline.
    """
    def __init__(self, controller: Controller, rate_hz: typing.SupportsFloat | typing.SupportsIndex) -> None:
        """
        Args:
            controller: not being stepped now.
            rate_hz: of its loop.
        """
    def stop(self) -> dict:
        """
        dict: slow, rows of (t_ns, wakeup_ns, duration_ns, missed); records; dropped. While nobody steps.
        """
class BareTimer:
    """
    A thread that only wakes up on time: what the machine is capable of.
    """
    def __init__(self, rate_hz: typing.SupportsFloat | typing.SupportsIndex, priority: typing.SupportsInt | typing.SupportsIndex = 80, cpu: typing.SupportsInt | typing.SupportsIndex = -1) -> None:
        ...
    def start(self) -> None:
        ...
    def stop(self) -> dict:
        """
        dict: wakeup Histogram, count, misses, slow, fifo, warnings.
        """
def answer_request(controller: Controller, planner: Planner) -> bool:
    """
    What a PlannerThread does once: takes the newest plan request, plans without a deadline, posts the plan.
    
    Returns:
        Whether there was a request.
    """
def flight_events(file: os.PathLike | str | bytes) -> list:
    """
    What went in between the ticks, from the first keyframe on: list of (tick, kind, value): the event came before that row of flight_ticks(). Kinds: keyframe (bytes, once), command (SkillCommand), swap (digest), missed (int), and with None plan, tick_plan, stop, rearm, reset.
    
    Raises:
        Error: the file is not a flight, or damaged.
    """
def flight_information(file: os.PathLike | str | bytes) -> dict[str, str]:
    """
    dict[str, str]: what a flight file says about itself.
    
    Raises:
        Error: it is not one.
    """
def flight_ticks(file: os.PathLike | str | bytes, every: typing.SupportsInt | typing.SupportsIndex = 1) -> dict:
    """
    dict of numpy columns, one entry a tick (every k-th; rungs and missed of the others are kept).
    
    Raises:
        Error: the file is not a flight, or damaged.
    """
def force_isa(name: str) -> str:
    """
    Instruction set for networks loaded from now on; '' goes back to the default. For tests and benchmarks.
    """
def hog(cpu: typing.SupportsInt | typing.SupportsIndex, priority: typing.SupportsInt | typing.SupportsIndex, seconds: typing.SupportsFloat | typing.SupportsIndex) -> bool:
    """
    Spins on a core at a SCHED_FIFO priority for up to a second: fault injection. Returns whether FIFO was given.
    """
def load(path: os.PathLike | str | bytes) -> Bundle:
    """
    Loads a bundle folder or stored zip, checks all of it and replays its self-test.
    
    Raises:
        Error: one line naming the file and the key; nothing is kept then.
    """
def load_memory(zip: bytes, name: str = 'bundle') -> Bundle:
    """
    The same from the bytes of a stored zip; `name` is used in messages.
    
    Raises:
        Error: see load.
    """
def measure_peak(precision: str, seconds: typing.SupportsFloat | typing.SupportsIndex = 0.5) -> float:
    """
    Operations a second of one core with the instruction that the batched kernels use for this precision.
    """
def monotonic_ns() -> int:
    """
    CLOCK_MONOTONIC, ns: the clock of RealtimeLoop; equals time.monotonic_ns().
    """
def onnxruntime_version(library: str = '') -> tuple[str, str]:
    """
    Version of the ONNX Runtime that the C++ core can load, and why it can load none (one of the two is empty).
    """
def qualify_stage(bundle: Bundle, seconds: typing.SupportsFloat | typing.SupportsIndex, rate_hz: typing.SupportsFloat | typing.SupportsIndex = 0.0, controller: bool = True, load: str = 'none', planner: Planner = None, planner_budget_ns: typing.SupportsInt | typing.SupportsIndex = 0, priority: typing.SupportsInt | typing.SupportsIndex = 80, cpu: typing.SupportsInt | typing.SupportsIndex = -1, scratch: os.PathLike | str | bytes = '', progress: typing.Any = None) -> dict:
    """
    One stage of `qualify`: the real loop and controller, a bare timer beside them, a load on the machine.
    
    Args:
        seconds: how long.
        rate_hz: 0 takes the bundle's.
        controller: False measures the bare timer alone.
        load: none, cpu, memory or disk; bounded, at ordinary priority, ended with the stage.
        planner: runs on its own thread beside; None: none.
        scratch: folder of the disk load's file; empty: the temporary folder.
        progress: called with the seconds that passed, about ten times a second.
    
    Returns:
        dict: timer (wakeup Histogram, count, misses, slow, fifo, warnings), loop (LoopReport or None), slow, rungs, decisions, plans, rearms, dropped_records, load_failed. `slow` rows are (t_ns, wakeup_ns, duration_ns, missed).
    
    Raises:
        Error, ValueError: bad options.
    """
def replay(file: os.PathLike | str | bytes, bundles: collections.abc.Sequence[Bundle]) -> dict:
    """
    Runs a flight's inputs again and compares every output bit for bit.
    
    Returns:
        dict: bit_identical, ticks, identical, skipped, gaps, commands, plans, swaps, resets, complete, first_difference.
    
    Raises:
        Error: a bundle is missing, the instruction set differs, or the file is not a flight.
    """
def report_timing(controller: Controller, missed: typing.SupportsInt | typing.SupportsIndex, wakeup_ns: typing.SupportsInt | typing.SupportsIndex = 0, duration_ns: typing.SupportsInt | typing.SupportsIndex = 0) -> None:
    """
    What a loop tells its controller about the tick before; too many missed deadlines in a row stop the robot.
    """
def restore(controller: Controller, keyframe: str) -> None:
    """
    Continues from a keyframe of a flight made with the same bundle and build.
    
    Raises:
        Error: it is not such a keyframe.
    """
def supported_isas() -> list[str]:
    """
    Instruction sets that this machine runs.
    """
def time_gemm(precision: str, rows: typing.SupportsInt | typing.SupportsIndex, k: typing.SupportsInt | typing.SupportsIndex, n: typing.SupportsInt | typing.SupportsIndex, calls: typing.SupportsInt | typing.SupportsIndex) -> numpy.typing.NDArray[numpy.float64]:
    """
    Seconds of each of `calls` products [rows, k] x [k, n] with the batched kernels, one thread.
    """
MAX_SKILLS: int = 32
MAX_STAGES: int = 8
RUNGS: tuple = ('late_plan', 'stale_plan', 'semantic_stale', 'semantic_safe', 'semantic_rejected', 'output_clamped', 'output_rejected', 'observation_invalid', 'observation_frozen', 'observation_late', 'clock_jump', 'deadline_missed', 'controlled_stop', 'swap_refused', 'joint_frozen', 'handover_unready')
__version__: str = '0.1.0'
