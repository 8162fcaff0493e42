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

// X itself. X is symmetric, so only the entries with j > i are computed, in ranges of rows; fill() then writes
// both triangles. An entry is stored where somebody has both items, even if weights cancel to zero.
// Sum is std::int32_t (counts, without values) or double. Memory: 4 + sizeof(Sum) bytes for each pair of items,
// beside the 2 (sizeof(I) + sizeof(A)) of the output.
template <class Sum, class T, class I>
class UpperRows {
public:
    UpperRows(const CsrView<T, I>& l, const CsrView<T, I>& lt) : l_(l), lt_(lt) {}

    // Rows [first, last); ranges must follow one another.
    void add(std::int64_t first, std::int64_t last, int n_threads);

    // Stored entries of each of the L.cols rows of X.
    std::vector<std::int64_t> row_nnz() const;

    // indptr (L.cols + 1 entries) is the running sum of row_nnz(); indices and data have indptr[L.cols].
    template <class A>
    void fill(const std::int64_t* indptr, I* indices, A* data, int n_threads) const;

private:
    struct Chunk {
        std::int64_t first_row = 0;
        std::vector<std::int64_t> row_end;
        std::vector<I> columns;
        std::vector<Sum> sums;
    };

    CsrView<T, I> l_, lt_;
    std::vector<Chunk> chunks_;
};

// Sum of squares and sum of each row in [first, last); with_diagonal adds X_ii = c_i.
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
