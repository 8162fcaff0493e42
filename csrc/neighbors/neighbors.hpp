// Exact top-k inner products, in blocks: scores by BLAS, of which only the k best a query are kept.
#pragma once

#include "core/integers.hpp"

#include "dense/dense.hpp"

namespace movieembed {

// The k items with the largest q . v for each query, best first, ties by the lower row; out_rows is padded
// with -1 and out_scores with -infinity, both queries x k. Rows of items listed in
// excluded[excluded_ptr[q] .. excluded_ptr[q + 1]), ascending, are passed over.
//
// Cost: 2 queries items d flops. Memory: a block of scores and of heaps a thread. A score is a
// sum in an order that depends on the shapes and the BLAS alone, so results do not depend on the number of threads.
template <class T>
void top_k_products(const Tall<const T>& queries, const Tall<const T>& items, int64_t k, const int64_t* excluded_ptr,
                    const int64_t* excluded, int64_t* out_rows, T* out_scores, int n_threads);

// The same of scores at hand, items x queries: the k largest of each column, times a weight a row unless null.
template <class T>
void top_k_columns(const Tall<const T>& scores, const T* weights, int64_t k, const int64_t* excluded_ptr,
                   const int64_t* excluded, int64_t* out_rows, T* out_scores, int n_threads);

}  // namespace movieembed
