#include "cooccurrence/sum_of_squares.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

#include "core/aligned.hpp"
#include "core/parallel.hpp"

namespace movieembed {
namespace {

// Rows of X that a thread takes at a time, and visits from the one whose likes are fetched ahead.
constexpr int64_t kRows = 256;
constexpr int64_t kAhead = 8;

// A user of an item: where their items begin, and how many of them are more popular than the item.
struct Visit {
    uint32_t begin, items;
};

}  // namespace

template <class T, class I>
double cooccurrence_sum_of_squares(const CsrView<T, I>& l, int n_threads) {
    const int64_t nnz = l.begin(l.rows), cols = l.cols;
    std::vector<int64_t> likes(cols);
    for (int64_t k = 0; k < nnz; ++k) ++likes[l.indices[k]];
    // The most popular items come first, so that most counts are of few items, in cache.
    std::vector<uint32_t> order(cols);
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return likes[a] > likes[b]; });
    std::vector<int64_t> first(cols + 1), next(cols);
    for (int64_t i = 0; i < cols; ++i) {
        next[order[i]] = first[i];
        first[i + 1] = first[i] + likes[order[i]];
    }
    Aligned<uint32_t> users(nnz), items(nnz);
    Aligned<Visit> visits(nnz);
    for (int64_t u = 0; u < l.rows; ++u)
        for (int64_t k = l.begin(u); k < l.end(u); ++k) users.data()[next[l.indices[k]]++] = static_cast<uint32_t>(u);
    // Item by item, so that each user's items come in that order too.
    std::vector<uint32_t> seen(l.rows);
    for (int64_t i = 0; i < cols; ++i)
        for (int64_t k = first[i]; k < first[i + 1]; ++k) {
            const uint32_t u = users.data()[k];
            const auto begin = static_cast<uint32_t>(l.begin(u));
            items.data()[begin + seen[u]] = static_cast<uint32_t>(i);
            visits.data()[k] = {begin, seen[u]++};
        }
    const int threads = resolve_threads(n_threads);
    std::vector<std::vector<uint32_t>> counts(threads);
    std::vector<uint64_t> sums(threads);
    parallel_for(threads, (cols + kRows - 1) / kRows, [&](int64_t part, int t) {
        counts[t].resize(cols);
        uint32_t* count = counts[t].data();
        uint64_t sum = 0;
        for (int64_t i = part * kRows; i < std::min((part + 1) * kRows, cols); ++i) {
            const Visit* row = visits.data() + first[i];
            const int64_t n = first[i + 1] - first[i];
            for (int64_t v = 0; v < n; ++v) {
#if defined(__GNUC__)
                if (v + kAhead < n) __builtin_prefetch(items.data() + row[v + kAhead].begin);
#endif
                const uint32_t* j = items.data() + row[v].begin;
                // From x to x + 1 a square grows by 2 x + 1.
                for (uint32_t m = 0; m < row[v].items; ++m) sum += 2 * uint64_t{count[j[m]]++} + 1;
            }
            for (int64_t v = 0; v < n; ++v) {
                const uint32_t* j = items.data() + row[v].begin;
                for (uint32_t m = 0; m < row[v].items; ++m) count[j[m]] = 0;
            }
        }
        sums[t] += sum;
    });
    return 2 * static_cast<double>(std::accumulate(sums.begin(), sums.end(), uint64_t{0}));
}

#define MOVIEEMBED_INSTANTIATE(T, I) template double cooccurrence_sum_of_squares(const CsrView<T, I>&, int);
MOVIEEMBED_INSTANTIATE(float, int32_t)
MOVIEEMBED_INSTANTIATE(float, int64_t)
MOVIEEMBED_INSTANTIATE(double, int32_t)
MOVIEEMBED_INSTANTIATE(double, int64_t)

}  // namespace movieembed
