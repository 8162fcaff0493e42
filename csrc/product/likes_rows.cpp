// Sparse rows times X.
#include <algorithm>
#include <utility>
#include <vector>

#include "product/products.hpp"

namespace movieembed {
namespace {

// Up to so many sparse rows are multiplied one by one: few users have their items.
constexpr int64_t kFewRows = 3;

// The entries of the rows that are the columns of a slice. Items are named by their places in the order of popularity.
template <class T, class I>
struct SliceOfRows {
    struct Entry {
        int32_t column;  // of the slice
        T value;
    };

    template <class J>
    SliceOfRows(const CsrView<T, J>& rows, const LikesBlocks<I>& blocks, const Slice& s)
        : width(s.vectors * kLanes), begin(blocks.place.size() + 2), dense((blocks.dense + 1) * width) {
        const int64_t first = s.first, last = s.first + s.columns;
        const std::vector<I>& place = blocks.place;
        entries.resize(rows.begin(last) - rows.begin(first));
        for (int64_t k = rows.begin(first); k < rows.begin(last); ++k) ++begin[place[rows.indices[k]] + 2];
        for (std::size_t r = 0; r < place.size(); ++r) {
            if (begin[r + 2] > 0 && static_cast<int64_t>(r) >= blocks.dense) others.push_back(static_cast<I>(r));
            begin[r + 2] += begin[r + 1];
        }
        for (int64_t q = first; q < last; ++q)
            for (int64_t k = rows.begin(q); k < rows.end(q); ++k)
                entries[begin[place[rows.indices[k]] + 1]++] = {static_cast<int32_t>(q - first), rows.value(k)};
        std::fill_n(dense.data(), (blocks.dense + 1) * width, T(0));
        for (int64_t r = 0; r < blocks.dense; ++r) add(r, T(1), dense.data() + r * width);
    }

    // Adds weight times the entries of an item to a row of the slice.
    void add(int64_t item, T weight, T* to) const {
        for (int64_t e = begin[item]; e < begin[item + 1]; ++e) to[entries[e].column] += weight * entries[e].value;
    }

    static constexpr int64_t kLanes = 64 / sizeof(T);
    int64_t width;
    std::vector<int64_t> begin;  // of each item's entries
    std::vector<Entry> entries;
    std::vector<I> others;  // items with entries that are not taken as dense, ascending
    Aligned<T> dense;       // the rows of those that are, and one of zeros for all others
};

}  // namespace

template <class T, class I>
template <class J>
void LikesProduct<T, I>::apply_row(const CsrView<T, J>& rows, int64_t q, const double* scale, T* out,
                                   int64_t ldo) const {
    // Block by block the sums of its users who have any item of the row, and at once what they add to the items.
    std::vector<double> sum(blocks_->most_users, 0.0), of_item(likes_.cols, 0.0);
    std::vector<char> seen(sum.size(), 0);
    std::vector<uint16_t> users;
    for (std::size_t b = 0; b < blocks_->blocks.size(); ++b) {
        const Block& block = blocks_->blocks[b];
        users.clear();
        for (int64_t k = rows.begin(q); k < rows.end(q); ++k) {
            const I item = blocks_->place[rows.indices[k]];
            const auto found = std::lower_bound(block.items.begin(), block.items.end(), item);
            if (found == block.items.end() || *found != item) continue;
            const int64_t s = found - block.items.begin();
            for (int64_t e = block.ptr[s]; e < block.ptr[s + 1]; ++e) {
                const uint16_t u = block.users[e];
                const double weight = likes_.values ? static_cast<double>(values_[b][e]) : 1.0;
                sum[u] += weight * static_cast<double>(rows.value(k));
                if (std::exchange(seen[u], 1) == 0) users.push_back(u);
            }
        }
        for (const uint16_t u : users) {
            const double weight = std::exchange(sum[u], 0.0);
            seen[u] = 0;
            const int64_t user = block.first_user + u;
            for (int64_t k = likes_.begin(user); k < likes_.end(user); ++k)
                of_item[blocks_->items[k]] += weight * static_cast<double>(likes_.value(k));
        }
    }
    for (int64_t k = rows.begin(q); k < rows.end(q); ++k) {
        const int64_t item = rows.indices[k];
        of_item[blocks_->place[item]] -= squares_[item] * static_cast<double>(rows.value(k));
    }
    for (int64_t r = 0; r < likes_.cols; ++r) {
        const int64_t item = blocks_->order[r];
        out[item * ldo] = static_cast<T>((scale ? scale[item] : 1.0) * of_item[r]);
    }
}

template <class T, class I>
template <class J>
void LikesProduct<T, I>::apply_rows(const CsrView<T, J>& rows, const double* scale, T* out, int64_t ldo,
                                    int n_threads) const {
    const int threads = threads_of(rows.rows, n_threads);
    if (rows.rows <= kFewRows) {
        parallel_for(threads, rows.rows, [&](int64_t q, int) { apply_row(rows, q, scale, out + q, ldo); });
        return;
    }
    using Rows = SliceOfRows<T, I>;
    std::vector<Rows> slices;
    for (const Slice& s : slices_of(rows.rows, Rows::kLanes, threads)) slices.emplace_back(rows, *blocks_, s);
    const auto without_diagonal = [&](const Slice& s, Scratch& scratch, int64_t first, int64_t last) {
        const Rows& of = slices[s.number];
        T* to = scratch.out.data() + first * of.width;
        std::fill_n(to, (last - first) * of.width, T(0));
        for (int64_t r = first; r < last; ++r, to += of.width)
            of.add(r, -static_cast<T>(squares_[blocks_->order[r]]), to);
    };
    // The sums of users [begin, end): of the dense items user by user, of the others item by item.
    const auto fill = [&](const Block& block, const Slice& s, Scratch& scratch, int64_t begin, int64_t end,
                          const GatherPair<T, I>& gather) {
        const Rows& of = slices[s.number];
        T* sums = scratch.users.data();
        T* own = sums + (begin - block.first_user) * of.width;
        if (blocks_->dense > 0)
            gather.users({likes_.indptr, blocks_->items.data(), likes_.values, likes_.indptr[likes_.rows], begin, end,
                          of.dense.data(), static_cast<I>(blocks_->dense), nullptr, own, s.vectors});
        else
            std::fill_n(own, (end - begin) * of.width, T(0));
        const T* values = likes_.values ? values_[&block - blocks_->blocks.data()].data() : nullptr;
        auto at = block.items.begin();
        for (const I item : of.others) {
            at = std::lower_bound(at, block.items.end(), item);
            if (at == block.items.end()) break;
            if (*at != item) continue;
            const uint16_t* last = block.users.data() + block.ptr[at - block.items.begin() + 1];
            const uint16_t* user = std::lower_bound(block.users.data() + block.ptr[at - block.items.begin()], last,
                                                    begin - block.first_user);
            for (; user < last && *user < end - block.first_user; ++user)
                of.add(item, values ? values[user - block.users.data()] : T(1), sums + *user * of.width);
        }
    };
    products(rows.rows, nullptr, 0, out, ldo, scale, threads, without_diagonal, fill);
}

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
