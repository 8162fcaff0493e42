#include "product/likes_product.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#include "core/isa.hpp"
#include "product/gather_isa.hpp"
#include "product/slices.hpp"
#include "core/parallel.hpp"

namespace movieembed {
namespace {

// 4,096 users times a slice of 128 bytes is half of a 1 MiB second-level cache; the other half is for V. Where users
// have few likes a block of them would read and write the rows of nearly all items for each few likes: more users then.
constexpr int64_t kFewestUsers = 4096, kMostUsers = 16384, kBlockLikes = 5 << 16;
// Up to so many sparse rows are multiplied one by one.
constexpr int64_t kFewRows = 3;
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
int64_t users_of_a_block(const CsrView<T, I>& likes) {
    const int64_t n = likes.rows * kBlockLikes / std::max<int64_t>(likes.indptr[likes.rows], 1);
    return std::clamp(n / kGroup * kGroup, kFewestUsers, kMostUsers);
}

template <class T, class I>
int threads_for_blocks(const CsrView<T, I>& likes, int64_t n_blocks, int n_threads) {
    return static_cast<int>(std::min<int64_t>(
        threads_for(n_threads, 10.0 * static_cast<double>(likes.indptr[likes.rows])), std::max<int64_t>(n_blocks, 1)));
}

// Items by falling number of likes, ties by number: a counting sort.
template <class T, class I>
std::vector<I> by_popularity(const CsrView<T, I>& likes) {
    std::vector<I> count(likes.cols, 0);
    for (int64_t k = 0; k < likes.indptr[likes.rows]; ++k) ++count[likes.indices[k]];
    std::vector<int64_t> start(likes.rows + 2, 0);  // by users who do not have it
    for (const I n : count) ++start[(likes.rows - n) + 1];
    for (std::size_t n = 1; n < start.size(); ++n) start[n] += start[n - 1];
    std::vector<I> order(count.size());
    for (std::size_t i = 0; i < count.size(); ++i) order[start[likes.rows - count[i]]++] = static_cast<I>(i);
    return order;
}

}  // namespace

template <class I>
template <class T>
LikesBlocks<I>::LikesBlocks(const CsrView<T, I>& likes, int n_threads) {
    most_users = std::min(users_of_a_block(likes), likes.rows);
    const int64_t n_blocks = likes.rows ? (likes.rows + most_users - 1) / most_users : 0;
    blocks.resize(n_blocks);
    order = by_popularity(likes);
    place.resize(order.size());
    for (std::size_t r = 0; r < order.size(); ++r) place[order[r]] = static_cast<I>(r);
    items.resize(likes.indptr[likes.rows]);
    const int threads = threads_for_blocks(likes, n_blocks, n_threads);
    std::vector<std::vector<I>> counts(threads);
    parallel_for(threads, n_blocks, [&](int64_t b, int worker) {
        auto& count = counts[worker];  // a number for each item, all 0 between blocks
        count.resize(likes.cols, 0);
        Block& block = blocks[b];
        block.first_user = b * most_users;
        block.last_user = std::min(block.first_user + most_users, likes.rows);
        const int64_t begin = likes.begin(block.first_user), end = likes.begin(block.last_user);
        for (int64_t k = begin; k < end; ++k) {
            const I item = place[likes.indices[k]];
            items[k] = item;
            if (count[item]++ == 0) block.items.push_back(item);
        }
        // The block's own transpose, by a counting sort: lengths of its items' rows, where each begins, then users.
        std::sort(block.items.begin(), block.items.end());
        block.items.shrink_to_fit();
        block.ptr.resize(block.items.size() + 1);
        I at = 0;
        for (std::size_t s = 0; s < block.items.size(); ++s) {
            I& n = count[block.items[s]];
            block.ptr[s] = at;
            at = static_cast<I>(at + n);
            n = block.ptr[s];
        }
        block.ptr.back() = at;
        block.users.resize(end - begin);
        for (int64_t u = block.first_user; u < block.last_user; ++u)
            for (int64_t k = likes.begin(u); k < likes.end(u); ++k) {
                I& next = count[items[k]];
                block.users[next++] = static_cast<uint16_t>(u - block.first_user);
            }
        for (const I item : block.items) count[item] = 0;
    });
}

template <class T, class I>
LikesProduct<T, I>::LikesProduct(const CsrView<T, I>& likes, int n_threads, std::shared_ptr<const Blocks> blocks)
    : likes_(likes),
      blocks_(blocks ? std::move(blocks) : std::make_shared<const Blocks>(likes, n_threads)),
      squares_(likes.cols, 0.0) {
    const int64_t n_blocks = blocks_->blocks.size();
    if (likes.values) {
        values_.resize(blocks_->blocks.size());
        const int threads = threads_for_blocks(likes, n_blocks, n_threads);
        std::vector<std::vector<I>> places(threads);
        parallel_for(threads, n_blocks, [&](int64_t b, int worker) {
            auto& next = places[worker];  // of each item of the block
            next.resize(likes.cols);
            const Block& block = blocks_->blocks[b];
            for (std::size_t s = 0; s < block.items.size(); ++s) next[block.items[s]] = block.ptr[s];
            auto& values = values_[b];
            values.resize(block.users.size());
            for (int64_t k = likes.begin(block.first_user); k < likes.begin(block.last_user); ++k) {
                const int64_t item = blocks_->items[k];
                values[next[item]++] = likes.values[k];
            }
        });
    }
    for (std::size_t b = 0; b < blocks_->blocks.size(); ++b) {
        const Block& block = blocks_->blocks[b];
        for (std::size_t s = 0; s < block.items.size(); ++s) {
            double sum = 0;
            if (likes.values)
                for (I k = block.ptr[s]; k < block.ptr[s + 1]; ++k) {
                    const auto w = static_cast<double>(values_[b][k]);
                    sum += w * w;
                }
            else
                sum = static_cast<double>(block.ptr[s + 1] - block.ptr[s]);
            squares_[blocks_->order[block.items[s]]] += sum;
        }
    }
}

template <class T, class I>
template <class Start, class Fill>
void LikesProduct<T, I>::products(int64_t d, const T* v, int64_t ldv, T* out, int64_t ldo, const double* scale,
                                  int n_threads, Start start, Fill fill, const Step* step) const {
    // Slice by slice: V's columns packed (open), what is there before the users' part (start), then block by block the
    // users' sums (fill) and from them the items' (add_items), and at the end OUT's columns (close). A slice of 128
    // bytes keeps 4,096 users' sums and the rows of the popular items in the second-level cache. Slices go to threads;
    // where there are too few, rows do, in each step.
    constexpr int64_t kLanes = 64 / sizeof(T);
    const int64_t rows = likes_.cols;
    if (d == 0 || rows == 0) return;
    const int threads = threads_of(d, n_threads);
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
                      std::ssize(block.users), begin, end, scratch.users.data(), block.items.data(), scratch.out.data(),
                      s.vectors});
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

template <class T, class I>
double LikesProduct<T, I>::apply(const T* v, int64_t ldv, int64_t d, T* out, int64_t ldo, int n_threads,
                                 const Step* step) const {
    constexpr int64_t kLanes = 64 / sizeof(T);
    constexpr int64_t kWidest = kMaxVectors * kLanes;
    const int64_t entries = likes_.indptr[likes_.rows];
    const int64_t n_groups = (likes_.rows + kGroup - 1) / kGroup;
    std::vector<double> group_squares(n_groups * d);
    const auto without_diagonal = [&](const Slice& s, Scratch& scratch, int64_t first, int64_t last) {
        const int64_t width = s.vectors * kLanes;
        const T* from = scratch.v.data() + first * width;
        T* to = scratch.out.data() + first * width;
        for (int64_t r = first; r < last; ++r, from += width, to += width) {
            const int64_t item = blocks_->order[r];
            const T c = static_cast<T>(step ? squares_[item] - step->shift[item] : squares_[item]);
            for (int64_t j = 0; j < width; ++j) to[j] = -c * from[j];
        }
    };
    products(
        d, v, ldv, out, ldo, nullptr, n_threads, without_diagonal,
        [&](const Block& block, const Slice& s, Scratch& scratch, int64_t begin, int64_t end,
            const GatherPair<T, I>& gather) {
            const int64_t width = s.vectors * kLanes;
            T* sums = scratch.users.data() + (begin - block.first_user) * width;
            gather.users({likes_.indptr, blocks_->items.data(), likes_.values, entries, begin, end, scratch.v.data(),
                          nullptr, sums, s.vectors});
            for (; begin < end; begin += kGroup) {
                double total[kWidest] = {};
                for (int64_t u = begin; u < std::min(begin + kGroup, end); ++u, sums += width)
                    for (int64_t j = 0; j < width; ++j)
                        total[j] += static_cast<double>(sums[j]) * static_cast<double>(sums[j]);
                std::copy_n(total, s.columns, group_squares.data() + begin / kGroup * d + s.first);
            }
        },
        step);
    double sum = 0;
    for (const double x : group_squares) sum += x;
    return sum;
}

template <class T, class I>
void LikesProduct<T, I>::to_items(const T* u, int64_t ldu, int64_t d, T* out, int64_t ldo, int n_threads) const {
    constexpr int64_t kLanes = 64 / sizeof(T);
    const auto zero = [](const Slice& s, Scratch& scratch, int64_t first, int64_t last) {
        const int64_t width = s.vectors * kLanes;
        std::fill_n(scratch.out.data() + first * width, (last - first) * width, T(0));
    };
    products(
        d, nullptr, 0, out, ldo, nullptr, n_threads, zero,
        [&](const Block& block, const Slice& s, Scratch& scratch, int64_t begin, int64_t end, const GatherPair<T, I>&) {
            const int64_t width = s.vectors * kLanes;
            T* to = scratch.users.data() + (begin - block.first_user) * width;
            for (; begin < end; ++begin, to += width) pack_row(u + begin * ldu, s, to, width);
        });
}

template <class T, class I>
template <class J>
void LikesProduct<T, I>::apply_rows(const CsrView<T, J>& rows, const double* scale, T* out, int64_t ldo,
                                    int n_threads) const {
    if (rows.rows <= kFewRows) {
        parallel_for(threads_of(rows.rows, n_threads), rows.rows,
                     [&](int64_t q, int) { apply_row(rows, q, scale, out + q, ldo); });
        return;
    }
    constexpr int64_t kLanes = 64 / sizeof(T);
    // The rows by slice and item, items by popularity: a user's sum adds up, of each item that they like, who else has
    // it.
    struct Entry {
        int32_t column;  // of the slice
        T value;
    };
    const int64_t n_items = likes_.cols, entries = rows.end(rows.rows - 1);
    const std::vector<I>& place = blocks_->place;
    const std::vector<Slice> slices = slices_of(rows.rows, kLanes, threads_of(rows.rows, n_threads));
    std::vector<Entry> entry(entries);
    std::vector<std::vector<int64_t>> begin_of(slices.size(), std::vector<int64_t>(n_items + 2, 0));
    int64_t at = 0;
    for (std::size_t i = 0; i < slices.size(); ++i) {
        const int64_t first = slices[i].first, last = first + slices[i].columns;
        auto& begin = begin_of[i];
        for (int64_t k = rows.begin(first); k < rows.end(last - 1); ++k) ++begin[place[rows.indices[k]] + 2];
        begin[0] = begin[1] = at;
        for (int64_t r = 0; r < n_items; ++r) begin[r + 2] += begin[r + 1];
        at = begin[n_items + 1];
        for (int64_t q = first; q < last; ++q)
            for (int64_t k = rows.begin(q); k < rows.end(q); ++k)
                entry[begin[place[rows.indices[k]] + 1]++] = {static_cast<int32_t>(q - first), rows.value(k)};
    }
    // begin[r] .. begin[r + 1] are now the entries of the item at place r.
    const auto begin_in = [&](const Slice& s) {
        std::size_t i = 0;
        while (slices[i].first != s.first) ++i;
        return begin_of[i].data();
    };
    const auto add = [&](const int64_t* begin, int64_t r, T weight, T* to) {
        for (int64_t e = begin[r]; e < begin[r + 1]; ++e) to[entry[e].column] += weight * entry[e].value;
    };
    const auto without_diagonal = [&](const Slice& s, Scratch& scratch, int64_t first, int64_t last) {
        const int64_t width = s.vectors * kLanes;
        T* to = scratch.out.data() + first * width;
        std::fill_n(to, (last - first) * width, T(0));
        const int64_t* begin = begin_in(s);
        for (int64_t r = first; r < last; ++r, to += width)
            add(begin, r, -static_cast<T>(squares_[blocks_->order[r]]), to);
    };
    products(
        rows.rows, nullptr, 0, out, ldo, scale, n_threads, without_diagonal,
        [&](const Block& block, const Slice& s, Scratch& scratch, int64_t begin, int64_t end, const GatherPair<T, I>&) {
            const int64_t width = s.vectors * kLanes;
            T* to = scratch.users.data() + (begin - block.first_user) * width;
            std::fill_n(to, (end - begin) * width, T(0));
            const int64_t* of_item = begin_in(s);
            for (; begin < end; ++begin, to += width)
                for (int64_t k = likes_.begin(begin); k < likes_.end(begin); ++k)
                    add(of_item, blocks_->items[k], likes_.value(k), to);
        });
}

template class LikesProduct<float, int32_t>;
template class LikesProduct<float, int64_t>;
template class LikesProduct<double, int32_t>;
template class LikesProduct<double, int64_t>;

template void LikesProduct<float, int32_t>::apply_rows(const CsrView<float, int32_t>&, const double*, float*, int64_t,
                                                       int) const;
template void LikesProduct<float, int32_t>::apply_rows(const CsrView<float, int64_t>&, const double*, float*, int64_t,
                                                       int) const;
template void LikesProduct<float, int64_t>::apply_rows(const CsrView<float, int32_t>&, const double*, float*, int64_t,
                                                       int) const;
template void LikesProduct<float, int64_t>::apply_rows(const CsrView<float, int64_t>&, const double*, float*, int64_t,
                                                       int) const;
template void LikesProduct<double, int32_t>::apply_rows(const CsrView<double, int32_t>&, const double*, double*,
                                                        int64_t, int) const;
template void LikesProduct<double, int32_t>::apply_rows(const CsrView<double, int64_t>&, const double*, double*,
                                                        int64_t, int) const;
template void LikesProduct<double, int64_t>::apply_rows(const CsrView<double, int32_t>&, const double*, double*,
                                                        int64_t, int) const;
template void LikesProduct<double, int64_t>::apply_rows(const CsrView<double, int64_t>&, const double*, double*,
                                                        int64_t, int) const;

}  // namespace movieembed
