#include "core/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>

#ifdef _OPENMP
#include <omp.h>
#ifndef _WIN32
#include <pthread.h>
#endif
#endif

namespace movieembed {
namespace {

std::atomic<double> threshold{1e6};  // some 0.1 ms of one thread's work

#ifdef _OPENMP

std::atomic<bool> used{false};    // a region has run in this process or in one that it was forked from
std::atomic<bool> forked{false};  // since then

#ifndef _WIN32
[[maybe_unused]] const int at_fork = pthread_atfork(nullptr, nullptr, [] { forked = used.load(); });
#endif

thread_local int held = 0;  // see set_max_threads
const int omp_default = omp_get_max_threads();
const int own_default = [] {
    const char* text = std::getenv("MOVIEEMBED_NUM_THREADS");
    return text ? std::max(0, std::atoi(text)) : 0;
}();

int most_threads() { return 4 * omp_get_num_procs(); }

// Whether a region would run on the calling thread alone.
bool alone() { return forked.load(std::memory_order_relaxed) || omp_in_parallel(); }

#endif

}  // namespace

double parallel_threshold() { return threshold.load(std::memory_order_relaxed); }
void set_parallel_threshold(double work) { threshold.store(work, std::memory_order_relaxed); }
int threads_for(int n, double work) { return work < parallel_threshold() ? 1 : resolve_threads(n); }
int max_threads() { return resolve_threads(0); }

#ifdef _OPENMP

void set_max_threads(int n) {
    if (n <= 0 && held > 0) omp_set_num_threads(held);
    held = std::max(0, n);
}

int resolve_threads(int n) {
    if (alone()) return 1;
    if (n <= 0) n = held;
    if (n <= 0) {
        n = omp_get_max_threads();
        // A limit that was set since the start goes before the environment.
        if (n == omp_default && own_default > 0) n = own_default;
    }
    return std::min(n, most_threads());
}

void parallel_for_erased(int n_threads, std::int64_t tasks, Task body) {
    if (n_threads <= 1 || tasks <= 1 || alone()) {
        for (std::int64_t task = 0; task < tasks; ++task) body(task, 0);
        return;
    }
    used = true;
    std::exception_ptr error;
    std::atomic<bool> failed{false};
    // All n_threads, even for fewer tasks: GNU's runtime ends and starts threads when a team's size changes.
#pragma omp parallel for num_threads(n_threads) schedule(dynamic, 1)
    for (std::int64_t task = 0; task < tasks; ++task) {
        if (failed.load(std::memory_order_relaxed)) continue;
        try {
            body(task, omp_get_thread_num());
        } catch (...) {  // nothing may leave the region
            if (!failed.exchange(true)) error = std::current_exception();
        }
    }
    if (error) std::rethrow_exception(error);
}

#else

void set_max_threads(int) {}
int resolve_threads(int) { return 1; }

void parallel_for_erased(int, std::int64_t tasks, Task body) {
    for (std::int64_t task = 0; task < tasks; ++task) body(task, 0);
}

#endif

}  // namespace movieembed
