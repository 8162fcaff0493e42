// The parts of the masked objective c(V) = sum over i != j of (v_i . v_j - X_ij)^2 that are not BLAS's work.
//
// Sums are accumulated in double whatever T is, a row at a time, so that results do not depend on the
// number of threads.
#pragma once

#include <cstdint>

#include "csr.hpp"

namespace movieembed {

// out[i] = a_i . b_i for two rows x d matrices. 2 rows d flops, 2 rows d sizeof(T) bytes.
template <class T>
void row_dots(const T* a, const T* b, std::int64_t rows, std::int64_t d, double* out, int n_threads);

// The masked gradient from its three terms, 4 (VG - XV - diag(n) V), written over vg; squares[i] becomes the
// squared norm of its row i. n has rows entries.
template <class T>
void masked_gradient(T* vg, const T* xv, const T* v, const double* n, std::int64_t rows, std::int64_t d,
                     double* squares, int n_threads);

// Residuals of rows [first, first + rows) without the identity's cancellation: on entry p holds v_i . v_j
// (rows x L.cols, i from first), on return v_i . v_j - X_ij with a zero diagonal, and squares[r] the sum of
// squares of row r. Cost: that of the same rows of X, plus rows L.cols.
template <class T, class I>
void residual_rows(const CsrView<T, I>& l, const CsrView<T, I>& lt, std::int64_t first, std::int64_t rows, double* p,
                   double* squares, int n_threads);

}  // namespace movieembed
