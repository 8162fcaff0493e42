// X V = L'(L V) - diag(c) V without X: the heart of every iteration.
//
// Users are taken in blocks of some thousands. For one block the sums of its users' rows of V are formed, and
// while these are still in cache they are added up for the items, through the block's own transpose with
// 16-bit user numbers. The columns of V are cut into slices of 64 to 256 bytes, each packed by itself, so that
// its hot rows and a block's sums fit the second-level cache; inside, items are numbered by falling popularity,
// so that the hot rows are neighbours. Slices are independent, so threads share nothing; where there are more threads
// than slices they divide a block's rows. Every output number is summed in the same order whatever the number of
// threads.
//
// Against two plain passes (gather by user, then by item, each over all of L) the second pass reads its rows
// from cache instead of from memory, and half of the indices are 2 bytes long.
#pragma once

#include "core/integers.hpp"
#include <memory>
#include <mutex>
#include <vector>

#include "core/aligned.hpp"
#include "core/csr.hpp"
#include "core/parallel.hpp"

namespace movieembed {

// The places of L's entries in blocks of users, whatever the values there.
template <class I>
struct LikesBlocks {
    struct Block {
        int64_t first_user = 0, last_user = 0;
        std::vector<I> items;  // those that its users have, ascending
        std::vector<I> ptr;    // into users
        std::vector<uint16_t> users;
    };

    // Cost: O(nnz). Memory: sizeof(I) + 2 bytes a like and 2 sizeof(I) for each item of each block of users:
    // about 7 bytes a like for MovieLens 32M.
    template <class T>
    LikesBlocks(const CsrView<T, I>& likes, int n_threads);

    int64_t most_users = 0;  // of a block
    std::vector<I> items;    // those of L, by their popularity
    std::vector<I> order;    // item of each place in that order
    std::vector<I> place;    // of each item in it
    int64_t dense = 0;       // how many of the first apply_rows takes as dense rows
    std::vector<Block> blocks;
};

template <class T, class I>
class LikesProduct {
public:
    using Blocks = LikesBlocks<I>;

    struct Step {
        const double* shift;
        double scale;
        bool minus_out;
    };

    // Borrows L, users x items. `blocks` are those of the same L with values of any type, by default made here.
    // Cost: O(nnz), nothing where L has no values and `blocks` are given. Memory: that of the blocks, and sizeof(T)
    // a like with values.
    LikesProduct(const CsrView<T, I>& likes, int n_threads, std::shared_ptr<const Blocks> blocks = nullptr);

    // OUT = X V: 4 nnz d flops. V and OUT are items x d with rows ldv and ldo numbers apart; they may not
    // overlap. Scratch, kept for the next product: two packed slices, items x at most 256
    // bytes each, and a block's sums, a thread.
    // Returns |LV|_F^2 in float64, of sums in T: unlike <V, XV> it loses nothing to the diagonal. Where OUT is null
    // that is all.
    // With `step` OUT = scale (X + diag(shift)) V, less what OUT held where it says so: a step of a three-term
    // recurrence in one pass.
    double apply(const T* v, int64_t ldv, int64_t d, T* out, int64_t ldo, int n_threads,
                 const Step* step = nullptr) const;

    // |LV|_F^2 alone: half of the flops.
    double squared_norm(const T* v, int64_t ldv, int64_t d, int n_threads) const {
        return apply(v, ldv, d, nullptr, 0, n_threads);
    }

    // OUT = L'U: 2 nnz d flops. U is users x d.
    void to_items(const T* u, int64_t ldu, int64_t d, T* out, int64_t ldo, int n_threads) const;

    // OUT = diag(scale) X R' for sparse rows R, at least one; scale is 1 where it is null. 2 nnz d flops for the items,
    // and two for each pair of a like and a row that has its item, or 2 nnz d for all those of popular items. Memory
    // besides: two numbers an entry of R, one for each item and slice, and a row of each slice for a popular item. Of a
    // few rows each is taken by itself, for 2 flops a like of the users who share an item with it.
    template <class J>
    void apply_rows(const CsrView<T, J>& rows, const double* scale, T* out, int64_t ldo, int n_threads) const;

    // c, the sum of squares of each column of L.
    const std::vector<double>& squares() const { return squares_; }

    const std::shared_ptr<const Blocks>& blocks() const { return blocks_; }

private:
    using Block = typename Blocks::Block;
    struct Scratch {  // of one slice: V packed, the sums of a block's users, and the result
        Aligned<T> v, users, out;
    };

    int threads_of(int64_t d, int n_threads) const {
        return threads_for(n_threads, static_cast<double>(likes_.indptr[likes_.rows]) * static_cast<double>(d));
    }

    template <class Start, class Fill>
    void products(int64_t d, const T* v, int64_t ldv, T* out, int64_t ldo, const double* scale, int threads,
                  Start start, Fill fill, const Step* step = nullptr) const;

    template <class J>
    void apply_row(const CsrView<T, J>& rows, int64_t q, const double* scale, T* out, int64_t ldo) const;

    CsrView<T, I> likes_;
    std::shared_ptr<const Blocks> blocks_;
    std::vector<std::vector<T>> values_;  // of each block, beside its users
    std::vector<double> squares_;
    // Kept from product to product, for fresh memory costs a page fault every 4 KiB; who comes while another
    // uses it makes its own.
    mutable std::mutex scratch_mutex_;
    mutable std::vector<Scratch> scratch_;
};

}  // namespace movieembed
