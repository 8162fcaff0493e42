// The co-occurrence matrix X = L'L with a zero diagonal, and what is known of it without storing it.
//
// Row i of X is sum over the users u of item i of w_ui times row u of L (Gustavson 1978), added up in a
// dense accumulator of one number an item, owned by a thread. Cost for rows [first, last): sum over
// their entries (i, u) of the length of row u, multiply-adds. Memory: one accumulator and one list of
// touched columns a thread, beside the output.
//
// Every function takes L (users x items) and its transpose Lt (items x users), and a range of rows, so
// that the caller can show progress, stop between ranges and bound what is held at once. Without values
// the sums are exact integers.
#pragma once

#include <cstdint>
#include <vector>

#include "csr.hpp"

namespace movieembed {

// Rows [first, last) in compressed form: row r has row_nnz[r - first] ascending columns. An entry is stored
// where somebody has both items, even if weights cancel to zero.
template <class A, class I>
struct CooccurrenceRows {
    std::vector<std::int64_t> row_nnz;
    std::vector<I> indices;
    std::vector<A> data;  // std::int64_t counts without values, double sums with them
};

template <class A, class T, class I>
CooccurrenceRows<A, I> cooccurrence_rows(const CsrView<T, I>& l, const CsrView<T, I>& lt, std::int64_t first,
                                         std::int64_t last, int n_threads);

// sum of squares and sum of each row in [first, last); with_diagonal adds X_ii = c_i.
// sum_squares and totals have last - first entries.
template <class T, class I>
void cooccurrence_row_sums(const CsrView<T, I>& l, const CsrView<T, I>& lt, std::int64_t first, std::int64_t last,
                           bool with_diagonal, double* sum_squares, double* totals, int n_threads);

// The k largest entries of each row in [first, last), descending, ties by ascending column; columns is
// padded with -1 and values with 0 where a row has fewer. Both are (last - first) x k.
template <class T, class I>
void cooccurrence_top_k(const CsrView<T, I>& l, const CsrView<T, I>& lt, std::int64_t first, std::int64_t last,
                        std::int64_t k, std::int64_t* columns, double* values, int n_threads);

}  // namespace movieembed
