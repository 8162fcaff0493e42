// Sparse times dense, by gathering: OUT = A V - diag(s) D.
//
// X V = L'(L V) - diag(c) V is two such products, the second with A = L', s = c, D = V. Each output
// row is the work of one thread and is summed in the order of its stored entries, so the result has
// the same bits at any thread count.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "csr.hpp"

namespace movieembed {

// Cost: 2 nnz(A) d flops (+ 2 rows d with the diagonal). Bytes: nnz(A) (d sizeof(T) + sizeof(I)) gathered,
// from cache for the hot rows of V.
//
// V is A.cols x d, D (may be null) and OUT are A.rows x d, all C-contiguous; s has A.rows entries.
// OUT must not overlap V, s or D.
template <class T, class I>
void gather_product(const CsrView<T, I>& a, const T* v, std::int64_t d, const T* s, const T* diag, T* out,
                    int n_threads);

// The instruction sets that the gather loops can run on here, best first ("avx512", "avx2", "baseline"), the
// one in use, at first the best, and a way to choose another, for tests and comparisons; false if there is no such.
std::vector<std::string> gather_isas();
std::string gather_isa();
bool use_gather_isa(const std::string& name);

}  // namespace movieembed
