// A borrowed sparse matrix in compressed sparse row form: the only sparse input a kernel takes.
#pragma once

#include "core/integers.hpp"

namespace movieembed {

// Row r holds columns indices[indptr[r] .. indptr[r + 1]), ascending, without duplicates, each in
// [0, cols). `values` runs beside `indices`; nullptr means that every stored entry is 1, the common
// case of a likes matrix. The caller has checked all of this (bindings/checked_csr.hpp); kernels rely on it.
template <class T, class I>
struct CsrView {
    int64_t rows = 0;
    int64_t cols = 0;
    const I* indptr = nullptr;
    const I* indices = nullptr;
    const T* values = nullptr;

    int64_t begin(int64_t r) const { return indptr[r]; }
    int64_t end(int64_t r) const { return indptr[r + 1]; }
    T value(int64_t k) const { return values ? values[k] : T(1); }
};

}  // namespace movieembed
