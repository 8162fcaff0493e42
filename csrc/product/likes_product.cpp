#include "product/likes_product.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "product/products.hpp"

namespace movieembed {
namespace {

// 4,096 users times a slice of 128 bytes is half of a 1 MiB second-level cache; the other half is for V. Where users
// have few likes a block of them would read and write the rows of nearly all items for each few likes: more users then.
constexpr int64_t kFewestUsers = 4096, kMostUsers = 16384, kBlockLikes = 5 << 16;
// The entries that sparse rows have of popular items, which at least one user in 128 likes, are taken as dense rows: a
// vector is added for each like where else a number is added for each pair of a like and a row with its item. That pays
// where a row makes a pair for every 32 likes, supposing that rows are like the users' (by trial: 2.3 times as fast for
// 16 million likes, nothing for Yelp2018).
constexpr int64_t kPopular = 128, kWorth = 32;

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
std::vector<I> by_popularity(const CsrView<T, I>& likes, const std::vector<I>& count) {
    std::vector<int64_t> start(likes.rows + 2, 0);  // by users who do not have it
    for (const I n : count) ++start[(likes.rows - n) + 1];
    for (std::size_t n = 1; n < start.size(); ++n) start[n] += start[n - 1];
    std::vector<I> order(count.size());
    for (std::size_t i = 0; i < count.size(); ++i) order[start[likes.rows - count[i]]++] = static_cast<I>(i);
    return order;
}

// How many of the most popular items LikesBlocks::dense has.
template <class T, class I>
int64_t dense_items(const CsrView<T, I>& likes, const std::vector<I>& count) {
    int64_t dense = 0;
    double saved = 0;  // additions of single numbers, of a row like a user's
    for (const I n : count)
        if (n > 0 && n * kPopular >= likes.rows) {
            ++dense;
            saved += static_cast<double>(n) * static_cast<double>(n) / static_cast<double>(likes.rows);
        }
    return saved * static_cast<double>(kWorth) >= static_cast<double>(likes.indptr[likes.rows]) ? dense : 0;
}

}  // namespace

template <class I>
template <class T>
LikesBlocks<I>::LikesBlocks(const CsrView<T, I>& likes, int n_threads) {
    most_users = std::min(users_of_a_block(likes), likes.rows);
    const int64_t n_blocks = likes.rows ? (likes.rows + most_users - 1) / most_users : 0;
    blocks.resize(n_blocks);
    std::vector<I> count_of(likes.cols, 0);
    for (int64_t k = 0; k < likes.indptr[likes.rows]; ++k) ++count_of[likes.indices[k]];
    order = by_popularity(likes, count_of);
    dense = dense_items(likes, count_of);
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
        d, v, ldv, out, ldo, nullptr, threads_of(d, n_threads), without_diagonal,
        [&](const Block& block, const Slice& s, Scratch& scratch, int64_t begin, int64_t end,
            const GatherPair<T, I>& gather) {
            const int64_t width = s.vectors * kLanes;
            T* sums = scratch.users.data() + (begin - block.first_user) * width;
            gather.users({likes_.indptr, blocks_->items.data(), likes_.values, entries, begin, end, scratch.v.data(), 0,
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
        d, nullptr, 0, out, ldo, nullptr, threads_of(d, n_threads), zero,
        [&](const Block& block, const Slice& s, Scratch& scratch, int64_t begin, int64_t end, const GatherPair<T, I>&) {
            const int64_t width = s.vectors * kLanes;
            T* to = scratch.users.data() + (begin - block.first_user) * width;
            for (; begin < end; ++begin, to += width) pack_row(u + begin * ldu, s, to, width);
        });
}

template class LikesProduct<float, int32_t>;
template class LikesProduct<float, int64_t>;
template class LikesProduct<double, int32_t>;
template class LikesProduct<double, int64_t>;

}  // namespace movieembed
