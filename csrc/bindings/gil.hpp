// Without Python's lock while a kernel runs.
#pragma once

#include <pybind11/pybind11.h>

#ifdef __GLIBCXX__
#include <cxxabi.h>

#include <chrono>
#include <thread>
#endif

namespace movieembed {

// As py::gil_scoped_release, but for daemon threads that are in a kernel when the process ends. Python before 3.14
// calls pthread_exit when such a thread wants the lock again, and GNU's library unwinds the stack for it: out of a
// destructor that would be std::terminate. The thread waits for the end instead, as from Python 3.14 on.
class WithoutGil {
public:
    WithoutGil() : state_(PyEval_SaveThread()) {}
    WithoutGil(const WithoutGil&) = delete;
    WithoutGil& operator=(const WithoutGil&) = delete;
    ~WithoutGil() {
#ifdef __GLIBCXX__
        try {
            PyEval_RestoreThread(state_);
        } catch (abi::__forced_unwind&) {
            for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
        }
#else
        PyEval_RestoreThread(state_);
#endif
    }

private:
    PyThreadState* state_;
};

}  // namespace movieembed
