#include "neighbors.hpp"

#include <algorithm>
#include <limits>
#include <vector>

#include "aligned.hpp"
#include "gemm.hpp"
#include "threads.hpp"
#include "top_k.hpp"

namespace movieembed {
namespace {

// A block of scores: as many queries as make gemm fast, half a second-level cache in all.
constexpr std::int64_t kQueries = 192;
constexpr std::int64_t kScoreBytes = std::int64_t{1} << 19;
constexpr std::int64_t kStride = 32;  // scores looked at together

// Whether any of kStride scores may be kept. NaN never is.
template <class T>
bool any_at_least(const T* scores, T worst) {
    T most[8];
    for (int j = 0; j < 8; ++j) most[j] = scores[j];
    for (std::int64_t first = 8; first < kStride; first += 8)
        for (int j = 0; j < 8; ++j) most[j] = scores[first + j] > most[j] ? scores[first + j] : most[j];
    bool any = false;
    for (int j = 0; j < 8; ++j) any |= most[j] >= worst;
    return any;
}

// Scores of the items first, first + 1, ... but for those listed.
template <class T>
void offer_row(TopK<T>& best, const T* scores, std::int64_t n, std::int64_t first, const std::int64_t* skip,
               const std::int64_t* skip_end) {
    skip = std::lower_bound(skip, skip_end, first);
    std::int64_t j = 0;
    while (j < n) {
        const std::int64_t stop = skip != skip_end ? std::min(n, *skip - first) : n;
        for (; j < stop && !best.full(); ++j) best.offer(scores[j], first + j);
        while (j < stop) {
            if (j + kStride <= stop && !any_at_least(scores + j, best.worst())) {
                j += kStride;
                continue;
            }
            for (const std::int64_t end = std::min(j + kStride, stop); j < end; ++j)
                if (scores[j] >= best.worst()) best.offer(scores[j], first + j);
        }
        if (skip != skip_end && j < n) {
            ++j;
            ++skip;
        }
    }
}

}  // namespace

template <class T>
void top_k_products(const Tall<const T>& queries, const Tall<const T>& items, std::int64_t k,
                    const std::int64_t* excluded_ptr, const std::int64_t* excluded, std::int64_t* out_rows,
                    T* out_scores, int n_threads) {
    constexpr std::int64_t kItems = kScoreBytes / kQueries / static_cast<std::int64_t>(sizeof(T)) / kStride * kStride;
    const std::int64_t blocks = (queries.rows + kQueries - 1) / kQueries;
    const int threads = threads_for(n_threads, 0.1 * static_cast<double>(queries.rows) *
                                                   static_cast<double>(items.rows) * static_cast<double>(items.cols));
    struct Scratch {
        Aligned<T> scores;
        std::vector<Scored<T>> heaps;
    };
    std::vector<Scratch> scratches(static_cast<std::size_t>(threads));
    parallel_for(threads, blocks, [&](std::int64_t block, int worker) {
        Scratch& scratch = scratches[static_cast<std::size_t>(worker)];
        scratch.scores.grow(kQueries * kItems);
        scratch.heaps.resize(static_cast<std::size_t>(kQueries * k));
        const std::int64_t first = block * kQueries;
        const std::int64_t n = std::min(kQueries, queries.rows - first);
        std::int64_t sizes[kQueries] = {};
        for (std::int64_t j = 0; j < items.rows; j += kItems) {
            const std::int64_t m = std::min(kItems, items.rows - j);
            gemm(false, true, n, m, items.cols, queries.row(first), queries.ld, items.row(j), items.ld, T(0),
                 scratch.scores.data(), m);
            for (std::int64_t q = 0; q < n; ++q) {
                TopK<T> best(scratch.heaps.data() + q * k, k, sizes[q]);
                offer_row(best, scratch.scores.data() + q * m, m, j, excluded + excluded_ptr[first + q],
                          excluded + excluded_ptr[first + q + 1]);
                sizes[q] = best.size();
            }
        }
        for (std::int64_t q = 0; q < n; ++q) {
            Scored<T>* heap = scratch.heaps.data() + q * k;
            TopK<T>(heap, k, sizes[q]).sort();
            for (std::int64_t r = 0; r < k; ++r) {
                const bool there = r < sizes[q];
                out_rows[(first + q) * k + r] = there ? heap[r].column : -1;
                out_scores[(first + q) * k + r] = there ? heap[r].score : -std::numeric_limits<T>::infinity();
            }
        }
    });
}

template void top_k_products(const Tall<const float>&, const Tall<const float>&, std::int64_t, const std::int64_t*,
                             const std::int64_t*, std::int64_t*, float*, int);
template void top_k_products(const Tall<const double>&, const Tall<const double>&, std::int64_t, const std::int64_t*,
                             const std::int64_t*, std::int64_t*, double*, int);

}  // namespace movieembed
