// Tall arrays (a row an item) against small ones (a row a component): BLAS on blocks of rows, a thread each.
//
// Blocks depend on the shapes alone and partial sums are added in their order, so that results have the same
// bits at any number of threads. Arrays are row-major; ld is the distance between rows, in numbers. Sums over
// rows are accumulated in float64, in float32 over at most kSinglePrecisionRows rows at a time.
#pragma once

#include "core/integers.hpp"

namespace movieembed {

constexpr int64_t kSinglePrecisionRows = 2048;

template <class T>
struct Tall {
    T* data;
    int64_t rows, cols, ld;
    T* row(int64_t i) const { return data + i * ld; }
};

// OUT = A C, or OUT += A C with `add`; A rows x p, C p x q contiguous: 2 rows p q flops. OUT may not overlap A.
template <class T>
void tall_times_small(const Tall<const T>& a, const T* c, int64_t q, const Tall<T>& out, bool add, int n_threads);

// out = A'B, p x q contiguous: 2 rows p q flops, half of that where A and B are the same memory. Without B
// (b.data null) it is A' diag(w) A, w not negative.
template <class T>
void tall_gram(const Tall<const T>& a, const Tall<const T>& b, const double* w, double* out, int n_threads);

// R = scale (XQ + diag(delta) Q - Q diag(theta)), delta a number a row, theta a number a column. R may be Q or XQ.
template <class T>
void eigen_residual(const Tall<const T>& q, const Tall<const T>& xq, const double* delta, const double* theta,
                    double scale, const Tall<T>& r, int n_threads);

// What the cost needs of V, in one pass: V'V (d x d) and n_i = |v_i|^2, with products in float64 too.
template <class T>
void moments(const Tall<const T>& v, double* gram, double* norms, int n_threads);

// GRADIENT = 4 (V G - XV - diag(n) V), where it has memory, and the squared norms of its rows, in one pass: 2 rows d^2
// flops.
template <class T>
void masked_gradient(const Tall<const T>& v, const Tall<const T>& xv, const T* gram, const double* norms,
                     const Tall<T>& gradient, double* squared_norms, int n_threads);

// a_i . b_i in float64.
template <class T>
void row_dots(const Tall<const T>& a, const Tall<const T>& b, double* out, int n_threads);

}  // namespace movieembed
