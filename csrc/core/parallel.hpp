// A pool of threads that all kernels share. Its threads sleep when they have nothing to do.
//
// Why not OpenMP: the workers of its common run-time libraries spin for some milliseconds after a region, on
// the cores that the caller's BLAS wants next; they are lost in a fork, for whose child they are then waited
// for in vain; and every calling thread gets a team of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace movieembed {

int max_threads();           // what a kernel uses when not told otherwise
int resolve_threads(int n);  // n <= 0 means max_threads()

// The default number of threads: the first of MOVIEEMBED_NUM_THREADS, OMP_NUM_THREADS and the cores this
// process may run on, until set_max_threads() says otherwise (n <= 0: back to that).
void set_max_threads(int n);

// Threads for a region of `work` multiply-adds: 1 below the threshold, where waking a thread costs more than
// it brings.
int threads_for(int n, double work);
double parallel_threshold();
void set_parallel_threshold(double work);

// A function without its type: lives no longer than what it refers to.
class Task {
public:
    template <class F, class = std::enable_if_t<!std::is_same_v<std::remove_cvref_t<F>, Task>>>
    Task(F& f)  // NOLINT: implicit on purpose
        : object_(std::addressof(f)),
          call_([](void* object, std::int64_t task, int worker) { (*static_cast<F*>(object))(task, worker); }) {}
    void operator()(std::int64_t task, int worker) const { call_(object_, task, worker); }

private:
    void* object_;
    void (*call_)(void*, std::int64_t, int);
};

// Calls body(task, worker) once for each task in [0, tasks), handed out in ascending order to at most
// n_threads threads, the caller among them; worker is below n_threads and belongs to one thread at a time.
// What a call throws, the first of them, is thrown to the caller when all have come to an end. Several
// callers share the pool's threads. A body may call parallel_for itself.
void parallel_for_erased(int n_threads, std::int64_t tasks, Task body);

template <class F>
void parallel_for(int n_threads, std::int64_t tasks, F&& body) {
    parallel_for_erased(n_threads, tasks, Task(body));
}

}  // namespace movieembed
