// libmwrt_interpose.so: preloaded, it counts what a real-time thread must not do, while that thread says it is in a
// tick.
//
// malloc and its kin, and locks, are interposed by name. System calls are trapped by the kernel itself (syscall user
// dispatch, Linux 5.11, x86-64), so that none slips by inlined in a library; where that cannot be had, the usual
// blocking wrappers of libc are counted instead. Linux with glibc only. It is a measuring instrument: not for flight.
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/prctl.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <ctime>

#if defined(__x86_64__) && defined(PR_SET_SYSCALL_USER_DISPATCH)
#define MWRT_TRAP_SYSCALLS 1
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#endif

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

enum Kind { kAllocation, kLock, kSyscall, kKinds };

// Initial-exec: reaching these must not itself allocate.
#define FAST_TLS thread_local __attribute__((tls_model("initial-exec")))
FAST_TLS bool armed = false;
FAST_TLS std::uint64_t counted[kKinds] = {};

inline void count(Kind kind) noexcept {
  if (armed) ++counted[kind];
}

template <class F>
F* next(const char* name) noexcept {
  return reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

// --- system calls ---------------------------------------------------------------------------------------------------

#if MWRT_TRAP_SYSCALLS

// The only code from which this thread may call the kernel while armed: one call on behalf of the trapped code, and the
// return from the signal handler.
asm(R"(
  .text
  .globl mwrt_gate_begin
  .hidden mwrt_gate_begin
mwrt_gate_begin:
  .globl mwrt_gate_call
  .hidden mwrt_gate_call
mwrt_gate_call:
  movq %rdi, %rax
  movq %rsi, %rdi
  movq %rdx, %rsi
  movq %rcx, %rdx
  movq %r8, %r10
  movq %r9, %r8
  movq 8(%rsp), %r9
  syscall
  ret
  .globl mwrt_gate_return
  .hidden mwrt_gate_return
mwrt_gate_return:
  movq $15, %rax
  syscall
  ud2  # never reached; the kernel looks at the address after the syscall, which must be inside
  .globl mwrt_gate_end
  .hidden mwrt_gate_end
mwrt_gate_end:
)");
extern "C" {
extern const char mwrt_gate_begin[], mwrt_gate_end[];
long mwrt_gate_call(long number, long a, long b, long c, long d, long e, long f);
void mwrt_gate_return();
}

namespace {

FAST_TLS volatile char selector = 0;  // SYSCALL_DISPATCH_FILTER_ALLOW; 1 blocks
FAST_TLS bool trapping = false, tried = false;

void on_trap(int, siginfo_t*, void* context) {
  auto& regs = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  ++counted[kSyscall];
  regs[REG_RAX] = mwrt_gate_call(regs[REG_RAX], regs[REG_RDI], regs[REG_RSI], regs[REG_RDX], regs[REG_R10],
                                 regs[REG_R8], regs[REG_R9]);
}

/// The kernel's own sigaction: libc's would put its restorer, which lies outside the gate.
struct KernelAction {
  void (*handler)(int, siginfo_t*, void*);
  unsigned long flags;
  void (*restorer)();
  unsigned long mask;
};

void try_to_trap() {
  tried = true;
  const KernelAction action{on_trap, SA_SIGINFO | 0x04000000 /* SA_RESTORER */, mwrt_gate_return, 0};
  if (syscall(SYS_rt_sigaction, SIGSYS, &action, nullptr, sizeof action.mask) != 0) return;
  trapping = prctl(PR_SET_SYSCALL_USER_DISPATCH, 1 /* on */, mwrt_gate_begin,
                   static_cast<unsigned long>(mwrt_gate_end - mwrt_gate_begin), &selector) == 0;
}

}  // namespace

#endif

EXPORT void mwrt_interpose_arm() {
#if MWRT_TRAP_SYSCALLS
  if (!tried) try_to_trap();
  if (trapping) selector = 1;
#endif
  armed = true;
}
EXPORT void mwrt_interpose_disarm() {
  armed = false;
#if MWRT_TRAP_SYSCALLS
  selector = 0;
#endif
}
/// out[3]: allocations, locks, system calls of the calling thread while it was armed.
EXPORT void mwrt_interpose_counts(std::uint64_t* out) {
  for (int i = 0; i < kKinds; ++i) out[i] = counted[i];
}
/// 1: every system call of an armed thread is counted; 0: only libc's blocking wrappers are.
EXPORT int mwrt_interpose_traps_syscalls() {
#if MWRT_TRAP_SYSCALLS
  if (!tried) try_to_trap();
  return trapping;
#else
  return 0;
#endif
}

// --- memory
// -----------------------------------------------------------------------------------------------------------

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void __libc_free(void*);
void* __libc_memalign(std::size_t, std::size_t);
}

EXPORT void* malloc(std::size_t n) {
  count(kAllocation);
  return __libc_malloc(n);
}
EXPORT void* calloc(std::size_t n, std::size_t size) {
  count(kAllocation);
  return __libc_calloc(n, size);
}
EXPORT void* realloc(void* p, std::size_t n) {
  count(kAllocation);
  return __libc_realloc(p, n);
}
EXPORT void free(void* p) {
  if (p != nullptr) count(kAllocation);
  __libc_free(p);
}
EXPORT void* memalign(std::size_t align, std::size_t n) {
  count(kAllocation);
  return __libc_memalign(align, n);
}
EXPORT void* aligned_alloc(std::size_t align, std::size_t n) {
  count(kAllocation);
  return __libc_memalign(align, n);
}
EXPORT int posix_memalign(void** out, std::size_t align, std::size_t n) {
  count(kAllocation);
  if (align < sizeof(void*) || (align & (align - 1)) != 0) return EINVAL;
  void* p = __libc_memalign(align, n);
  if (p == nullptr) return ENOMEM;
  *out = p;
  return 0;
}

// --- locks
// ------------------------------------------------------------------------------------------------------------

#define INTERPOSE_LOCK(name, type)                             \
  EXPORT int name(type* object) {                              \
    static int (*const real)(type*) = next<int(type*)>(#name); \
    count(kLock);                                              \
    return real(object);                                       \
  }
INTERPOSE_LOCK(pthread_mutex_lock, pthread_mutex_t)
INTERPOSE_LOCK(pthread_mutex_trylock, pthread_mutex_t)
INTERPOSE_LOCK(pthread_rwlock_rdlock, pthread_rwlock_t)
INTERPOSE_LOCK(pthread_rwlock_wrlock, pthread_rwlock_t)
INTERPOSE_LOCK(sem_wait, sem_t)
EXPORT int pthread_spin_lock(pthread_spinlock_t* object) {
  static int (*const real)(pthread_spinlock_t*) = next<int(pthread_spinlock_t*)>("pthread_spin_lock");
  count(kLock);
  return real(object);
}

// --- the usual suspects, where the kernel does not trap them
// -------------------------------------------------------------

#if !MWRT_TRAP_SYSCALLS
EXPORT int nanosleep(const timespec* wanted, timespec* left) {
  static auto* const real = next<int(const timespec*, timespec*)>("nanosleep");
  count(kSyscall);
  return real(wanted, left);
}
EXPORT int sched_yield() {
  static auto* const real = next<int()>("sched_yield");
  count(kSyscall);
  return real();
}
#endif
