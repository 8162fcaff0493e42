// Exact top-k of scores that arrive in blocks of columns.
//
// The scores are a GEMM, BLAS's work; what is left is one pass over them that keeps the k best of each
// query. A compare per score against the worst kept one, and a heap of k for the few that pass.
#pragma once

#include <cstdint>

#include "top_k.hpp"

namespace movieembed {

// Offers scores[q, 0 .. columns) of the items first_column + 0, 1, ... to the heap of query q.
// heaps is queries x k, sizes the number kept so far (in and out). Columns listed in
// excluded[excluded_ptr[q] .. excluded_ptr[q + 1]) (ascending item columns) are passed over.
// scores is row-major with row length columns.
template <class T>
void top_k_offer(const T* scores, std::int64_t queries, std::int64_t columns, std::int64_t first_column,
                 const std::int64_t* excluded_ptr, const std::int64_t* excluded, std::int64_t k, Scored<T>* heaps,
                 std::int64_t* sizes, int n_threads);

// Sorts each heap, best first, into out_columns and out_scores (queries x k), padded with -1 and -infinity.
template <class T>
void top_k_finish(Scored<T>* heaps, const std::int64_t* sizes, std::int64_t queries, std::int64_t k,
                  std::int64_t* out_columns, T* out_scores, int n_threads);

}  // namespace movieembed
