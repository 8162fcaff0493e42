#include "threads.hpp"

#ifdef _OPENMP
#include <omp.h>
#ifndef _WIN32
#include <pthread.h>
#endif
#endif

#include <algorithm>
#include <atomic>

namespace movieembed {
namespace {
std::atomic<double> threshold{2.5e7};  // some milliseconds of one thread's work
}

double parallel_threshold() { return threshold.load(std::memory_order_relaxed); }
void set_parallel_threshold(double work) { threshold.store(work, std::memory_order_relaxed); }
int threads_for(int n, double work) { return work < parallel_threshold() ? 1 : resolve_threads(n); }

#ifdef _OPENMP
bool has_openmp() { return true; }
int max_threads() { return omp_get_max_threads(); }
int thread_index() { return omp_get_thread_num(); }

namespace {
std::atomic<bool> team_used{false};  // whether OpenMP has threads waiting
std::atomic<bool> team_lost{false};  // whether they stayed behind in the parent of a fork

#ifndef _WIN32
// GNU's OpenMP waits for ever for threads that a fork did not take along; the child works alone instead.
[[maybe_unused]] const int at_fork = pthread_atfork(nullptr, nullptr, [] { team_lost = team_used.load(); });
#endif
}  // namespace

int resolve_threads(int n) {
    if (team_lost) return 1;
    // OpenMP ends the process when it cannot start a thread, so no more are asked for than make sense.
    const int threads = n > 0 ? std::min(n, 4 * omp_get_num_procs()) : omp_get_max_threads();
    if (threads > 1) team_used = true;
    return threads;
}
#else
bool has_openmp() { return false; }
int max_threads() { return 1; }
int thread_index() { return 0; }
int resolve_threads(int) { return 1; }
#endif

}  // namespace movieembed
