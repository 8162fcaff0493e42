// CUDA's language for a host compiler, enough to run the kernels of the package and check them.
//
// The threads of a block are fibers on one host thread, run in turn; blocks come one after another,
// in an order that is mixed, so that a kernel that needs one is found out. A barrier or shuffle hands
// over to the next fiber until all of the block or warp have come there.
#pragma once

#include <ucontext.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#define __global__
#define __device__ static
#define __shared__ static
#define __launch_bounds__(...)
#define __forceinline__ inline

struct Dim {
    unsigned x = 1, y = 1, z = 1;
};

static Dim threadIdx, blockIdx, blockDim, gridDim;

namespace shim {

constexpr std::size_t kStack = 64 * 1024;
constexpr int kWarp = 32;

struct Fiber {
    ucontext_t context;
    std::vector<char> stack;
    Dim thread;
    bool done = false;
    long barriers = 0, shuffles = 0;
    double given = 0;
};

inline std::vector<Fiber> fibers;
inline ucontext_t home;
inline int current = -1;
inline void (*body)(void*) = nullptr;
inline void* argument = nullptr;

[[noreturn]] inline void fail(const char* what) {
    std::fprintf(stderr, "CUDA emulation: %s\n", what);
    std::abort();
}

inline void hand_over() {
    if (current < 0) fail("this kernel was said to need no barrier");
    Fiber& me = fibers[static_cast<std::size_t>(current)];
    swapcontext(&me.context, &home);
    threadIdx = me.thread;
}

inline void entry() {
    body(argument);
    fibers[static_cast<std::size_t>(current)].done = true;
    swapcontext(&fibers[static_cast<std::size_t>(current)].context, &home);
}

// Waits until all fibers [first, last) have a count of at least `wanted`, or are done.
template <class Count>
void wait_for(int first, int last, long wanted, Count count, bool all_must) {
    for (;;) {
        bool ready = true;
        for (int f = first; f < last; ++f) {
            const Fiber& other = fibers[static_cast<std::size_t>(f)];
            if (count(other) >= wanted) continue;
            if (other.done && all_must) fail("a thread left before a barrier that others wait at");
            ready = false;
        }
        if (ready) return;
        hand_over();
    }
}

inline void run_block(bool with_barriers) {
    const unsigned n = blockDim.x * blockDim.y * blockDim.z;
    if (!with_barriers) {
        current = -1;
        for (threadIdx.y = 0; threadIdx.y < blockDim.y; ++threadIdx.y)
            for (threadIdx.x = 0; threadIdx.x < blockDim.x; ++threadIdx.x) body(argument);
        return;
    }
    fibers.resize(n);
    for (unsigned t = 0; t < n; ++t) {
        Fiber& f = fibers[t];
        f.thread = Dim{t % blockDim.x, t / blockDim.x, 0};
        f.done = false;
        f.barriers = f.shuffles = 0;
        f.stack.resize(kStack);
        getcontext(&f.context);
        f.context.uc_stack.ss_sp = f.stack.data();
        f.context.uc_stack.ss_size = f.stack.size();
        f.context.uc_link = nullptr;
        makecontext(&f.context, entry, 0);
    }
    for (bool left = true; left;) {
        left = false;
        for (unsigned turn = 0; turn < n; ++turn) {
            const unsigned t = blockIdx.x % 2 ? n - 1 - turn : turn;  // so that a missing barrier is found out
            Fiber& f = fibers[t];
            if (f.done) continue;
            left = true;
            current = static_cast<int>(t);
            threadIdx = f.thread;
            swapcontext(&home, &f.context);
        }
    }
}

inline void run_grid(bool with_barriers) {
    const std::uint64_t n = static_cast<std::uint64_t>(gridDim.x) * gridDim.y;
    std::uint64_t stride = 7919;  // a prime, so that all blocks come if it does not divide n
    if (n % stride == 0) stride = 1;
    for (std::uint64_t b = 0; b < n; ++b) {
        const std::uint64_t at = b * stride % n;
        blockIdx = Dim{static_cast<unsigned>(at % gridDim.x), static_cast<unsigned>(at / gridDim.x), 0};
        run_block(with_barriers);
    }
}

// "Pf" is a pointer to float, "x" an int64, and so on: what Python checks its arguments against.
template <class A>
constexpr char kind() {
    using B = std::remove_const_t<A>;
    if constexpr (std::is_same_v<B, float>) return 'f';
    if constexpr (std::is_same_v<B, double>) return 'd';
    if constexpr (std::is_same_v<B, int>) return 'i';
    if constexpr (std::is_same_v<B, unsigned>) return 'u';
    if constexpr (std::is_same_v<B, long long>) return 'x';
    return '?';
}

template <class A>
void describe(char*& to) {
    if constexpr (std::is_pointer_v<A>) {
        *to++ = 'P';
        *to++ = kind<std::remove_pointer_t<A>>();
    } else {
        *to++ = kind<A>();
    }
    *to++ = ' ';
}

template <class F>
struct Kernel;

template <class... A>
struct Kernel<void (*)(A...)> {
    static inline void (*function)(A...) = nullptr;

    template <std::size_t... I>
    static void call(void** arguments, std::index_sequence<I...>) {
        function(*static_cast<A*>(arguments[I])...);
    }
    static void call(void* arguments) { call(static_cast<void**>(arguments), std::index_sequence_for<A...>{}); }

    static void launch(void (*f)(A...), const unsigned* shape, void** arguments, int with_barriers) {
        function = f;
        gridDim = Dim{shape[0], shape[1], 1};
        blockDim = Dim{shape[2], shape[3], 1};
        body = [](void* a) { call(a); };
        argument = arguments;
        run_grid(with_barriers != 0);
    }
    static const char* signature() {
        static char text[3 * sizeof...(A) + 1];
        char* to = text;
        (describe<A>(to), ...);
        *to = 0;
        return text;
    }
};

}  // namespace shim

static inline void __syncthreads() {
    shim::Fiber& me = shim::fibers[static_cast<std::size_t>(shim::current < 0 ? 0 : shim::current)];
    if (shim::current < 0) shim::fail("a barrier in a kernel that was said to need none");
    const long wanted = ++me.barriers;
    shim::wait_for(
        0, static_cast<int>(shim::fibers.size()), wanted, [](const shim::Fiber& f) { return f.barriers; }, true);
}

namespace shim {

// Hands `value` to the warp, and `take` what it was handed, all of it at once.
template <class Take>
auto exchange(unsigned mask, double value, Take take) {
    if (current < 0) fail("a shuffle in a kernel that was said to need none");
    if (mask != 0xffffffffu) fail("a shuffle of part of a warp");
    Fiber& me = fibers[static_cast<std::size_t>(current)];
    const int first = current / kWarp * kWarp;
    const int lane = current % kWarp;
    const auto arrived = [](const Fiber& f) { return f.shuffles; };
    me.given = value;
    const long before = ++me.shuffles;
    wait_for(first, first + kWarp, before, arrived, true);
    const auto taken = take(lane, [=](int other) { return fibers[static_cast<std::size_t>(first + other)].given; });
    const long after = ++me.shuffles;
    wait_for(first, first + kWarp, after, arrived, true);
    return taken;
}

}  // namespace shim

static inline double __shfl_down_sync(unsigned mask, double value, int offset, int width) {
    return shim::exchange(
        mask, value, [=](int lane, auto given) { return given(lane % width + offset < width ? lane + offset : lane); });
}

static inline unsigned __ballot_sync(unsigned mask, int predicate) {
    return shim::exchange(mask, predicate != 0, [](int, auto given) {
        unsigned all = 0;
        for (int lane = 0; lane < shim::kWarp; ++lane) all |= static_cast<unsigned>(given(lane) != 0) << lane;
        return all;
    });
}

static inline int __popc(unsigned x) { return __builtin_popcount(x); }

static inline long long __double_as_longlong(double x) {
    long long bits;
    std::memcpy(&bits, &x, sizeof bits);
    return bits;
}

// Not inlined, so that no compiler contracts what the device must not.
[[gnu::noinline, maybe_unused]] static double __dmul_rn(double x, double y) { return x * y; }
[[gnu::noinline, maybe_unused]] static double __dadd_rn(double x, double y) { return x + y; }

static inline unsigned atomicAdd(unsigned* to, unsigned value) {
    const unsigned before = *to;
    *to += value;
    return before;
}

#define KERNEL(NAME)                                                                            \
    extern "C" void launch_##NAME(const unsigned* shape, void** arguments, int with_barriers) { \
        shim::Kernel<decltype(&NAME)>::launch(&NAME, shape, arguments, with_barriers);          \
    }                                                                                           \
    extern "C" const char* signature_##NAME() { return shim::Kernel<decltype(&NAME)>::signature(); }
