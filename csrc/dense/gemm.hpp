// BLAS's products for row-major arrays: row-major is column-major of the transpose.
#pragma once

#include <algorithm>
#include "core/integers.hpp"

#include "core/blas.hpp"

namespace movieembed {

// C = beta C + op(A) op(B), m x n with inner length k; a transposed A is stored k x m, a transposed B n x k.
// Sizes and distances between rows fit 32 bits: the border checks it.
template <class T>
void gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b,
          int64_t ldb, T beta, T* c, int64_t ldc) {
    if (m == 0 || n == 0) return;
    if (k == 0) {  // BLAS would reject a distance of 0
        if (beta == T(0))
            for (int64_t i = 0; i < m; ++i) std::fill_n(c + i * ldc, n, T(0));
        return;
    }
    char no[] = "N", yes[] = "T";
    int columns = static_cast<int>(n), rows = static_cast<int>(m), inner = static_cast<int>(k);
    int ld_a = static_cast<int>(lda), ld_b = static_cast<int>(ldb), ld_c = static_cast<int>(ldc);
    T one = 1;
    if (n == 1 && !transpose_a && !transpose_b) {  // gemm would copy A before it reads it
        blas<T>.gemv(yes, &inner, &rows, &one, const_cast<T*>(a), &ld_a, const_cast<T*>(b), &ld_b, &beta, c, &ld_c);
        return;
    }
    blas<T>.gemm(transpose_b ? yes : no, transpose_a ? yes : no, &columns, &rows, &inner, &one, const_cast<T*>(b),
                 &ld_b, const_cast<T*>(a), &ld_a, &beta, c, &ld_c);
}

// C's upper triangle = beta C + A'A, n x n, A stored k x n.
template <class T>
void syrk(int64_t n, int64_t k, const T* a, int64_t lda, T beta, T* c, int64_t ldc) {
    if (n == 0 || (k == 0 && beta == T(1))) return;
    char lower[] = "L", no[] = "N";
    int order = static_cast<int>(n), inner = static_cast<int>(k);
    int ld_a = static_cast<int>(lda), ld_c = static_cast<int>(ldc);
    T one = 1;
    blas<T>.syrk(lower, no, &order, &inner, &one, const_cast<T*>(a), &ld_a, &beta, c, &ld_c);
}

}  // namespace movieembed
