// What the checks of the kernels share: a count of failures, callers on several threads, plain references.
#pragma once

#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "dense/dense.hpp"
#include "driver.hpp"

namespace checks {

using namespace movieembed;
using driver::Matrix;
using driver::Random;
using std::int64_t;
using std::size_t;

inline constexpr int kThreads[] = {1, 2, 4};

inline std::atomic<int> done{0}, failures{0};

inline void check(bool holds, const std::string& what) {
    ++done;
    if (holds) return;
    ++failures;
    std::printf("FAILED: %s\n", what.c_str());
}

template <class A, class B>
void close(const std::vector<A>& found, const std::vector<B>& exact, double tolerance, const std::string& what) {
    bool holds = found.size() == exact.size();
    for (size_t i = 0; holds && i < found.size(); ++i)
        holds = std::abs(static_cast<double>(found[i]) - static_cast<double>(exact[i])) <= tolerance;
    check(holds, what);
}

// The first caller's result is kept; all others must have its bits.
template <class A>
class SameBits {
public:
    void operator()(const std::vector<A>& found, const std::string& what) {
        const std::lock_guard lock(mutex_);
        if (first_.empty()) first_ = found;
        check(first_.size() == found.size() && std::memcmp(first_.data(), found.data(), first_.size() * sizeof(A)) == 0,
              what + " has other bits");
    }

private:
    std::mutex mutex_;
    std::vector<A> first_;
};

// body(n_threads) at each thread count, then from three threads at once.
template <class F>
void each_way(F body) {
    for (const int n : kThreads) body(n);
    std::vector<std::thread> callers;
    for (const int n : {2, 1, 3}) callers.emplace_back([&body, n] { body(n); });
    for (std::thread& caller : callers) caller.join();
}

template <class T, class I>
std::vector<double> dense(const Matrix<T, I>& l) {
    std::vector<double> a(static_cast<size_t>(l.rows * l.cols));
    const auto view = l.view();
    for (int64_t u = 0; u < l.rows; ++u)
        for (int64_t k = view.begin(u); k < view.end(u); ++k)
            a[static_cast<size_t>(u * l.cols + view.indices[k])] = static_cast<double>(view.value(k));
    return a;
}

// A'B of row-major A, n x p, and B, n x q.
inline std::vector<double> gram(const std::vector<double>& a, int64_t p, const std::vector<double>& b, int64_t q) {
    std::vector<double> c(static_cast<size_t>(p * q));
    const int64_t n = static_cast<int64_t>(a.size()) / p;
    for (int64_t r = 0; r < n; ++r)
        for (int64_t i = 0; i < p; ++i) {
            const double x = a[static_cast<size_t>(r * p + i)];
            if (x == 0) continue;
            for (int64_t j = 0; j < q; ++j) c[static_cast<size_t>(i * q + j)] += x * b[static_cast<size_t>(r * q + j)];
        }
    return c;
}

// A B, n x p times p x q.
inline std::vector<double> times(const std::vector<double>& a, int64_t p, const std::vector<double>& b, int64_t q) {
    const int64_t n = static_cast<int64_t>(a.size()) / p;
    std::vector<double> c(static_cast<size_t>(n * q));
    for (int64_t r = 0; r < n; ++r)
        for (int64_t i = 0; i < p; ++i)
            for (int64_t j = 0; j < q; ++j)
                c[static_cast<size_t>(r * q + j)] +=
                    a[static_cast<size_t>(r * p + i)] * b[static_cast<size_t>(i * q + j)];
    return c;
}

// The transpose of A, n x p.
inline std::vector<double> turned(const std::vector<double>& a, int64_t p) {
    std::vector<double> t(a.size());
    const int64_t n = static_cast<int64_t>(a.size()) / p;
    for (int64_t r = 0; r < n; ++r)
        for (int64_t i = 0; i < p; ++i) t[static_cast<size_t>(i * n + r)] = a[static_cast<size_t>(r * p + i)];
    return t;
}

template <class A>
std::vector<double> in_float64(const std::vector<A>& x) {
    return {x.begin(), x.end()};
}

template <class T>
Tall<const T> tall(const std::vector<T>& x, int64_t cols) {
    return {x.data(), static_cast<int64_t>(x.size()) / cols, cols, cols};
}

template <class T>
Tall<T> tall(std::vector<T>& x, int64_t cols) {
    return {x.data(), static_cast<int64_t>(x.size()) / cols, cols, cols};
}

template <class T>
double rounding(double size) {
    return 100 * std::numeric_limits<T>::epsilon() * size;
}

}  // namespace checks
