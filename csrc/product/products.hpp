// What all products of LikesProduct share: slices of columns, blocks of users, and threads.
#pragma once

#include <algorithm>
#include <mutex>
#include <vector>

#include "core/isa.hpp"
#include "core/parallel.hpp"
#include "product/gather_isa.hpp"
#include "product/likes_product.hpp"
#include "product/slices.hpp"

namespace movieembed {

// Users whose squares are summed together; a thread takes whole groups.
constexpr int64_t kGroup = 64;

// Cuts [0, n) where the running total `upto` passes equal shares.
template <class I>
std::vector<int64_t> balanced(const I* upto, int64_t n, int64_t parts) {
    std::vector<int64_t> cuts(parts + 1, n);
    const I* begin = upto;
    cuts[0] = 0;
    const int64_t total = upto[n] - upto[0];
    for (int64_t p = 1; p < parts; ++p) {
        const int64_t target = upto[0] + total / parts * p;
        begin = std::lower_bound(begin, upto + n, static_cast<I>(target));
        cuts[p] = begin - upto;
    }
    return cuts;
}

template <class T, class I>
template <class Start, class Fill>
void LikesProduct<T, I>::products(int64_t d, const T* v, int64_t ldv, T* out, int64_t ldo, const double* scale,
                                  int threads, Start start, Fill fill, const Step* step) const {
    // Slice by slice: V's columns packed (open), what is there before the users' part (start), then block by block the
    // users' sums (fill) and from them the items' (add_items), and at the end OUT's columns (close). A slice of 128
    // bytes keeps 4,096 users' sums and the rows of the popular items in the second-level cache. Slices go to threads;
    // where there are too few, rows do, in each step.
    constexpr int64_t kLanes = 64 / sizeof(T);
    const int64_t rows = likes_.cols;
    if (d == 0 || rows == 0) return;
    const std::vector<Slice> slices = slices_of(d, kLanes, threads);
    const int64_t n_slices = slices.size();
    const GatherPair<T, I>& gather = MOVIEEMBED_FOR_ISA(gather_table);
    const int64_t block_rows = blocks_->most_users;

    const auto item_at = [&](int64_t r) { return blocks_->order[r]; };
    const auto prepare = [&](const Slice& s, Scratch& scratch) {
        const int64_t width = s.vectors * kLanes;
        if (v) scratch.v.grow(rows * width);
        scratch.users.grow(block_rows * width);
        if (out) scratch.out.grow(rows * width);
    };
    // Rows [first, last) of the slice before and after the blocks.
    const auto open = [&](const Slice& s, Scratch& scratch, int64_t first, int64_t last) {
        const int64_t width = s.vectors * kLanes;
        if (v)
            for (int64_t r = first; r < last; ++r)
                pack_row(v + item_at(r) * ldv, s, scratch.v.data() + r * width, width);
        if (out) start(s, scratch, first, last);
    };
    const auto close = [&](const Slice& s, const Scratch& scratch, int64_t first, int64_t last) {
        const int64_t width = s.vectors * kLanes;
        for (int64_t r = first; r < last; ++r) {
            const T* from = scratch.out.data() + r * width;
            T* to = out + item_at(r) * ldo + s.first;
            const T w = static_cast<T>(scale ? scale[item_at(r)] : step ? step->scale : 1.0);
            if (step && step->minus_out)
                for (int64_t j = 0; j < s.columns; ++j) to[j] = w * from[j] - to[j];
            else
                for (int64_t j = 0; j < s.columns; ++j) to[j] = w * from[j];
        }
    };
    const auto add_items = [&](int64_t b, const Slice& s, Scratch& scratch, int64_t begin, int64_t end) {
        const Block& block = blocks_->blocks[b];
        gather.items({block.ptr.data(), block.users.data(), likes_.values ? values_[b].data() : nullptr,
                      std::ssize(block.users), begin, end, scratch.users.data(), 0, block.items.data(),
                      scratch.out.data(), s.vectors});
    };

    const std::unique_lock<std::mutex> lock(scratch_mutex_, std::try_to_lock);
    std::vector<Scratch> own;
    std::vector<Scratch>& scratches = lock ? scratch_ : own;
    const auto ensure = [&](std::size_t n) {
        if (scratches.size() < n) scratches.resize(n);
    };
    if (threads <= n_slices) {
        ensure(threads);
        parallel_for(threads, n_slices, [&](int64_t task, int worker) {
            const Slice& s = slices[task];
            Scratch& scratch = scratches[worker];
            prepare(s, scratch);
            open(s, scratch, 0, rows);
            for (std::size_t b = 0; b < blocks_->blocks.size(); ++b) {
                const Block& block = blocks_->blocks[b];
                fill(block, s, scratch, block.first_user, block.last_user, gather);
                if (out) add_items(b, s, scratch, 0, block.items.size());
            }
            if (out) close(s, scratch, 0, rows);
        });
        return;
    }
    // More threads than slices: they divide the rows, one step at a time.
    ensure(slices.size());
    for (std::size_t s = 0; s < slices.size(); ++s) prepare(slices[s], scratches[s]);
    const int64_t parts = 4 * ((threads + n_slices - 1) / n_slices);
    const auto divided = [&](auto cuts, auto step) {
        parallel_for(threads, n_slices * parts, [&](int64_t task, int) {
            const int64_t s = task % n_slices;
            const int64_t p = task / n_slices;
            step(slices[s], scratches[s], cuts[p], cuts[p + 1]);
        });
    };
    std::vector<int64_t> even(parts + 1);
    for (int64_t p = 0; p <= parts; ++p) even[p] = rows * p / parts;
    divided(even, open);
    for (std::size_t b = 0; b < blocks_->blocks.size(); ++b) {
        const Block& block = blocks_->blocks[b];
        auto users = balanced(likes_.indptr + block.first_user, block.last_user - block.first_user, parts);
        for (int64_t& cut : users)
            cut = std::min(block.first_user + (cut + kGroup - 1) / kGroup * kGroup, block.last_user);
        divided(users, [&](const Slice& s, Scratch& scratch, int64_t begin, int64_t end) {
            fill(block, s, scratch, begin, end, gather);
        });
        if (!out) continue;
        divided(balanced(block.ptr.data(), block.items.size(), parts),
                [&](const Slice& s, Scratch& scratch, int64_t begin, int64_t end) {
                    add_items(b, s, scratch, begin, end);
                });
    }
    if (out) divided(even, close);
}

}  // namespace movieembed
