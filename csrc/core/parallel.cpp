#include "core/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>

#ifndef _WIN32
#include <pthread.h>
#endif
#ifdef __linux__
#include <sched.h>
#endif

namespace movieembed {
namespace {

std::atomic<double> threshold{1e6};  // some 0.1 ms of one thread's work
std::atomic<int> chosen_threads{0};

int cores() {
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

int from_environment(const char* name) {
    const char* text = std::getenv(name);
    return text ? std::max(0, std::atoi(text)) : 0;
}

int most_threads() { return 4 * cores(); }

struct Job {
    Task body;
    std::int64_t tasks;
    int open;         // workers that may still join
    int next_worker;  // 0 is the caller
    int inside = 0;   // workers that have joined and not left
    std::atomic<std::int64_t> next{0};
    std::exception_ptr error;  // the first

    Job(Task f, std::int64_t n, int workers) : body(f), tasks(n), open(workers), next_worker(1) {}
};

class Pool {
public:
    void run(int threads, std::int64_t tasks, Task body) {
        Job job(body, tasks, threads - 1);
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            grow(threads - 1);
            jobs_.push_back(&job);
        }
        if (threads == 2)
            wake_.notify_one();
        else
            wake_.notify_all();
        work(job, 0);
        std::unique_lock<std::mutex> lock(mutex_);
        const auto at = std::find(jobs_.begin(), jobs_.end(), &job);
        if (at != jobs_.end()) jobs_.erase(at);
        left_.wait(lock, [&] { return job.inside == 0; });
        if (job.error) std::rethrow_exception(job.error);
    }

private:
    // Where no more threads can be had, those that are there do the work.
    void grow(int wanted) {
        wanted = std::min(wanted, most_threads() - 1);
        try {
            while (size_ < wanted) {
                std::thread([this] { serve(); }).detach();
                ++size_;
            }
        } catch (const std::system_error&) {
        }
    }

    void serve() {
        std::unique_lock<std::mutex> lock(mutex_);
        for (;;) {
            wake_.wait(lock, [&] { return !jobs_.empty(); });
            Job& job = *jobs_.front();
            const int worker = job.next_worker++;
            ++job.inside;
            if (--job.open == 0) jobs_.pop_front();
            lock.unlock();
            work(job, worker);
            lock.lock();
            if (--job.inside == 0) left_.notify_all();
        }
    }

    void work(Job& job, int worker) {
        for (;;) {
            const std::int64_t task = job.next.fetch_add(1, std::memory_order_relaxed);
            if (task >= job.tasks) return;
            try {
                job.body(task, worker);
            } catch (...) {  // handed to the caller, whatever it is
                const std::lock_guard<std::mutex> lock(mutex_);
                if (!job.error) job.error = std::current_exception();
                job.next = job.tasks;
            }
        }
    }

    std::mutex mutex_;
    std::condition_variable wake_, left_;
    std::deque<Job*> jobs_;
    int size_ = 0;
};

// Never destroyed, for its threads outlive main. A forked child has none of them and starts anew.
std::atomic<Pool*> the_pool{nullptr};

#ifndef _WIN32
[[maybe_unused]] const int at_fork = pthread_atfork(nullptr, nullptr, [] { the_pool = nullptr; });
#endif

Pool& pool() {
    Pool* there = the_pool.load();
    if (!there) {
        auto fresh = std::make_unique<Pool>();
        if (the_pool.compare_exchange_strong(there, fresh.get())) there = fresh.release();
    }
    return *there;
}

}  // namespace

double parallel_threshold() { return threshold.load(std::memory_order_relaxed); }
void set_parallel_threshold(double work) { threshold.store(work, std::memory_order_relaxed); }
int threads_for(int n, double work) { return work < parallel_threshold() ? 1 : resolve_threads(n); }

int max_threads() {
    if (const int n = chosen_threads.load(); n > 0) return n;
    for (const char* name : {"MOVIEEMBED_NUM_THREADS", "OMP_NUM_THREADS"})
        if (const int n = from_environment(name); n > 0) return std::min(n, most_threads());
    return cores();
}

void set_max_threads(int n) { chosen_threads = n > 0 ? std::min(n, most_threads()) : 0; }
int resolve_threads(int n) { return n > 0 ? std::min(n, most_threads()) : max_threads(); }

void parallel_for_erased(int n_threads, std::int64_t tasks, Task body) {
    const int threads = static_cast<int>(std::min<std::int64_t>(n_threads, tasks));
    if (threads <= 1)
        for (std::int64_t task = 0; task < tasks; ++task) body(task, 0);
    else
        pool().run(threads, tasks, body);
}

}  // namespace movieembed
