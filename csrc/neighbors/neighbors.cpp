#include "neighbors/neighbors.hpp"

#include <algorithm>
#include <limits>
#include <vector>

#include "core/aligned.hpp"
#include "dense/gemm.hpp"
#include "core/parallel.hpp"
#include "core/top_k.hpp"

namespace movieembed {
namespace {

// Most queries of a block, which share gemm's packing of the items, and the size of its scores.
constexpr int64_t kQueries = 768;
constexpr int64_t kScoreBytes = int64_t{1} << 21;

constexpr int64_t kScanned = 64;  // scores looked at together

// Where in scores[begin .. end) to look closer: a stretch of kScanned with one that may be kept, or what is left
// over at the end. NaN is passed over.
template <class T>
int64_t first_at_least(const T* scores, int64_t begin, int64_t end, T worst) {
    for (; begin + kScanned <= end; begin += kScanned) {
        int found = 0;
        for (int64_t j = 0; j < kScanned; ++j) found |= scores[begin + j] >= worst ? 1 : 0;
        if (found) return begin;
    }
    return begin;
}

// Scores of the items first, first + 1, ... but for those listed.
template <class T>
void offer_row(TopK<T>& best, const T* scores, int64_t n, int64_t first, const int64_t* skip, const int64_t* skip_end) {
    skip = std::lower_bound(skip, skip_end, first);
    int64_t j = 0;
    while (j < n) {
        const int64_t stop = skip != skip_end ? std::min(n, *skip - first) : n;
        for (; j < stop && !best.full(); ++j) best.offer(scores[j], first + j);
        while (j < stop) {
            j = first_at_least(scores, j, stop, best.worst());
            for (const int64_t end = std::min(j + kScanned, stop); j < end; ++j)
                if (scores[j] >= best.worst()) best.offer(scores[j], first + j);
        }
        if (skip != skip_end && j < n) {
            ++j;
            ++skip;
        }
    }
}

// The best of a query, in order, and padding.
template <class T>
void write_row(Scored<T>* heap, int64_t size, int64_t k, int64_t* out_rows, T* out_scores) {
    TopK<T>(heap, k, size).sort();
    for (int64_t r = 0; r < k; ++r) {
        const bool there = r < size;
        out_rows[r] = there ? heap[r].column : -1;
        out_scores[r] = there ? heap[r].score : -std::numeric_limits<T>::infinity();
    }
}

}  // namespace

template <class T>
void top_k_products(const Tall<const T>& queries, const Tall<const T>& items, int64_t k, const int64_t* excluded_ptr,
                    const int64_t* excluded, int64_t* out_rows, T* out_scores, int n_threads) {
    constexpr int64_t kItems = kScoreBytes / kQueries / sizeof(T) / kScanned * kScanned;
    // Few queries are divided too. Not by the number of threads: gemm's last bits may depend on the shape.
    const int64_t size = std::clamp<int64_t>((queries.rows + 7) / 8, 96, kQueries);
    const int64_t blocks = (queries.rows + size - 1) / size;
    const int threads = threads_for(n_threads, 0.1 * static_cast<double>(queries.rows) *
                                                   static_cast<double>(items.rows) * static_cast<double>(items.cols));
    struct Scratch {
        Aligned<T> scores;
        std::vector<Scored<T>> heaps;
    };
    std::vector<Scratch> scratches(threads);
    parallel_for(threads, blocks, [&](int64_t block, int worker) {
        Scratch& scratch = scratches[worker];
        scratch.scores.grow(size * kItems);
        scratch.heaps.resize(size * k);
        const int64_t first = block * size;
        const int64_t n = std::min(size, queries.rows - first);
        int64_t sizes[kQueries] = {};
        // One block of queries meets all items, some at a time: scores of 2 MiB that are still in cache when the best
        // are picked from them. The items are read anew for each block of up to 768 queries.
        for (int64_t j = 0; j < items.rows; j += kItems) {
            const int64_t m = std::min(kItems, items.rows - j);
            gemm(false, true, n, m, queries.cols, queries.row(first), queries.ld, items.row(j), items.ld, T(0),
                 scratch.scores.data(), m);
            for (int64_t q = 0; q < n; ++q) {
                TopK<T> best(scratch.heaps.data() + q * k, k, sizes[q]);
                offer_row(best, scratch.scores.data() + q * m, m, j, excluded + excluded_ptr[first + q],
                          excluded + excluded_ptr[first + q + 1]);
                sizes[q] = best.size();
            }
        }
        for (int64_t q = 0; q < n; ++q)
            write_row(scratch.heaps.data() + q * k, sizes[q], k, out_rows + (first + q) * k,
                      out_scores + (first + q) * k);
    });
}

template <class T>
void top_k_columns(const Tall<const T>& scores, const T* weights, int64_t k, const int64_t* excluded_ptr,
                   const int64_t* excluded, int64_t* out_rows, T* out_scores, int n_threads) {
    // A row of 32 columns is two cache lines or four. It is compared with the worst that each column keeps, and most
    // rows are done with that.
    constexpr int64_t kColumns = 32;
    const int64_t groups = (scores.cols + kColumns - 1) / kColumns;
    const int threads = threads_for(n_threads, static_cast<double>(scores.rows) * static_cast<double>(scores.cols));
    parallel_for(threads, groups, [&](int64_t group, int) {
        const int64_t first = group * kColumns, n = std::min(kColumns, scores.cols - first);
        std::vector<Scored<T>> heaps(n * k);
        int64_t sizes[kColumns] = {};
        const int64_t* skip[kColumns];
        T worst[kColumns];
        for (int64_t q = 0; q < n; ++q) {
            skip[q] = excluded + excluded_ptr[first + q];
            worst[q] = -std::numeric_limits<T>::infinity();
        }
        for (int64_t r = 0; r < scores.rows; ++r) {
            const T* row = scores.row(r) + first;
            const T weight = weights ? weights[r] : T(1);
            int found = 0;
            for (int64_t q = 0; q < n; ++q) found |= weight * row[q] >= worst[q] ? 1 : 0;
            if (!found) continue;
            for (int64_t q = 0; q < n; ++q) {
                const T score = weight * row[q];
                if (!(score >= worst[q])) continue;
                const int64_t* end = excluded + excluded_ptr[first + q + 1];
                skip[q] = std::lower_bound(skip[q], end, r);
                if (skip[q] != end && *skip[q] == r) continue;
                TopK<T> best(heaps.data() + q * k, k, sizes[q]);
                best.offer(score, r);
                sizes[q] = best.size();
                if (best.full()) worst[q] = best.worst();
            }
        }
        for (int64_t q = 0; q < n; ++q)
            write_row(heaps.data() + q * k, sizes[q], k, out_rows + (first + q) * k, out_scores + (first + q) * k);
    });
}

template void top_k_columns(const Tall<const float>&, const float*, int64_t, const int64_t*, const int64_t*, int64_t*,
                            float*, int);
template void top_k_columns(const Tall<const double>&, const double*, int64_t, const int64_t*, const int64_t*, int64_t*,
                            double*, int);
template void top_k_products(const Tall<const float>&, const Tall<const float>&, int64_t, const int64_t*,
                             const int64_t*, int64_t*, float*, int);
template void top_k_products(const Tall<const double>&, const Tall<const double>&, int64_t, const int64_t*,
                             const int64_t*, int64_t*, double*, int);

}  // namespace movieembed
