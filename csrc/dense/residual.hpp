// The masked objective c(V) = sum over i != j of (v_i . v_j - X_ij)^2 term by term, where its identity has no digits.
#pragma once

#include "core/integers.hpp"

#include "core/csr.hpp"

namespace movieembed {

// Residuals of rows [first, first + rows) without the identity's cancellation: on entry p holds v_i . v_j
// (rows x L.cols, i from first), on return v_i . v_j - X_ij with a zero diagonal, and squared_norms[r] the sum of
// squares of row r. Cost: that of the same rows of X, plus rows L.cols.
template <class T, class I>
void residual_rows(const CsrView<T, I>& l, const CsrView<T, I>& lt, int64_t first, int64_t rows, double* p,
                   double* squared_norms, int n_threads);

}  // namespace movieembed
