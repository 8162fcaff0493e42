// The one place where kernels meet OpenMP. Without it (-DMOVIEEMBED_OPENMP=OFF, or a compiler that has none)
// everything here is there too, and runs on one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace movieembed {

// What a kernel uses when not told otherwise: what OpenMP says for the calling thread, which OMP_NUM_THREADS,
// omp_set_num_threads (so threadpoolctl) and the cores of this process decide. MOVIEEMBED_NUM_THREADS takes the
// place of OMP_NUM_THREADS. At most four a core.
int max_threads();

// n > 0: what max_threads() says to the calling thread, whatever happens to OpenMP's number, until a call with 0,
// which sets OpenMP's number to n. For the time in which a BLAS that was built with OpenMP has that number at 1.
void set_max_threads(int n);

// n <= 0 means max_threads(). 1 where no region can be parallel: see parallel_for.
int resolve_threads(int n);

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

// Calls body(task, worker) once for each task in [0, tasks), handed out one by one to at most n_threads threads,
// the caller among them; worker is below n_threads and belongs to one thread at a time. What a call throws, the
// first of them, is thrown to the caller when all have come to an end. Several threads may call at once: each has
// a team of its own. All tasks run on the caller alone inside another parallel region, and in a process forked from
// one that has run a region: GNU's runtime would wait there for threads that the fork left behind.
void parallel_for_erased(int n_threads, std::int64_t tasks, Task body);

template <class F>
void parallel_for(int n_threads, std::int64_t tasks, F&& body) {
    parallel_for_erased(n_threads, tasks, Task(body));
}

}  // namespace movieembed
