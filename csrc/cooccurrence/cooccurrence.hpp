// The co-occurrence matrix X = L'L with a zero diagonal, and what is known of it without storing it.
//
// Row i of X is sum over the users u of item i of w_ui times row u of L (Gustavson 1978), added up in a
// dense accumulator of one number an item, owned by a thread. Cost for rows [first, last): sum over
// their entries (i, u) of the length of row u, multiply-adds. Memory: one accumulator and one list of
// touched columns a thread, beside the output.
//
// Every function takes L (users x items) and its transpose Lt (items x users), and a range of rows, so
// that the caller can show progress, stop between ranges and bound what is held at once. Without values
// the sums are exact integers; what is known of all rows of those is cheaper from cooccurrence_panels.hpp.
#pragma once

#include "core/integers.hpp"
#include <vector>

#include "core/csr.hpp"

namespace movieembed {

// Each user's items as a bitset, rows x cols / 8 bytes, so that the columns of a row of X are a union of bitsets. Read
// from cache that beats setting a bit for each entry, from memory it loses (bench/NOTES.md, "What hand-written paths
// win"): none where they would take more than kMostWords.
class UserBits {
public:
    static constexpr int64_t kBlock = 8;                     // words of a user come in blocks of a cache line
    static constexpr int64_t kMostWords = int64_t{1} << 18;  // 2 MiB, what stays in cache

    static int64_t words_for(int64_t cols) { return (cols + 64 * kBlock - 1) / (64 * kBlock) * kBlock; }

    UserBits() = default;
    UserBits(int64_t rows, int64_t cols);
    bool empty() const { return bits_.empty(); }
    const uint64_t* row(int64_t u) const { return bits_.data() + u * words_; }
    void set(int64_t u, int64_t j) { bits_[u * words_ + j / 64] |= uint64_t{1} << (j % 64); }

private:
    int64_t words_ = 0;
    std::vector<uint64_t> bits_;
};

template <class T, class I>
UserBits user_bits(const CsrView<T, I>& l);

// X itself, in two passes: how many entries each row of [first, last) has, and, with the running sum of that as
// indptr (L.cols + 1 entries, so that row i starts at indptr[i]), the entries, columns ascending. An entry is stored
// where somebody has both items, even if weights cancel to zero. Nothing is held beside the output, `users` and a
// row a thread.
template <class T, class I>
void cooccurrence_row_nnz(const CsrView<T, I>& l, const CsrView<T, I>& lt, const UserBits& users, int64_t first,
                          int64_t last, int64_t* nnz, int n_threads);

// A is int64_t without values, double with them.
template <class T, class I, class A>
void cooccurrence_rows(const CsrView<T, I>& l, const CsrView<T, I>& lt, const UserBits& users, int64_t first,
                       int64_t last, const int64_t* indptr, I* indices, A* data, int n_threads);

// Sum of squares and sum of each row in [first, last).
// sum_squares and totals have last - first entries. All rows of an L without values come from CooccurrencePanels.
template <class T, class I>
void cooccurrence_row_sums(const CsrView<T, I>& l, const CsrView<T, I>& lt, int64_t first, int64_t last,
                           double* sum_squares, double* totals, int n_threads);

// The k largest entries of each row in [first, last), descending, ties by ascending column; columns is
// padded with -1 and values with 0 where a row has fewer. Both are (last - first) x k.
template <class T, class I>
void cooccurrence_top_k(const CsrView<T, I>& l, const CsrView<T, I>& lt, int64_t first, int64_t last, int64_t k,
                        int64_t* columns, double* values, int n_threads);

}  // namespace movieembed
