#include "neighbors.hpp"

#include <limits>

#include "threads.hpp"

namespace movieembed {

template <class T>
void top_k_offer(const T* scores, std::int64_t queries, std::int64_t columns, std::int64_t first_column,
                 const std::int64_t* excluded_ptr, const std::int64_t* excluded, std::int64_t k, Scored<T>* heaps,
                 std::int64_t* sizes, int n_threads) {
    [[maybe_unused]] const int threads =
        threads_for(n_threads, static_cast<double>(queries) * static_cast<double>(columns));
#pragma omp parallel for schedule(dynamic, 8) num_threads(threads)
    for (std::int64_t q = 0; q < queries; ++q) {
        const T* row = scores + q * columns;
        const std::int64_t* skip = excluded + excluded_ptr[q];
        const std::int64_t* skip_end = excluded + excluded_ptr[q + 1];
        skip = std::lower_bound(skip, skip_end, first_column);
        TopK<T> best(heaps + q * k, k, sizes[q]);
        std::int64_t j = 0;
        while (j < columns) {
            // The stretch up to the next excluded column.
            const std::int64_t stop = skip != skip_end ? std::min(columns, *skip - first_column) : columns;
            for (; j < stop && !best.full(); ++j) best.offer(row[j], first_column + j);
            if (k > 0)
                for (; j < stop; ++j)
                    if (row[j] >= best.worst()) best.offer(row[j], first_column + j);
            j = stop;
            if (skip != skip_end && j < columns) {
                ++j;
                ++skip;
            }
        }
        sizes[q] = best.size();
    }
}

template <class T>
void top_k_finish(Scored<T>* heaps, const std::int64_t* sizes, std::int64_t queries, std::int64_t k,
                  std::int64_t* out_columns, T* out_scores, int n_threads) {
    [[maybe_unused]] const int threads = resolve_threads(n_threads);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (std::int64_t q = 0; q < queries; ++q) {
        TopK<T> best(heaps + q * k, k, sizes[q]);
        best.sort();
        for (std::int64_t r = 0; r < k; ++r) {
            const bool there = r < sizes[q];
            out_columns[q * k + r] = there ? heaps[q * k + r].column : -1;
            out_scores[q * k + r] = there ? heaps[q * k + r].score : -std::numeric_limits<T>::infinity();
        }
    }
}

template void top_k_offer(const float*, std::int64_t, std::int64_t, std::int64_t, const std::int64_t*,
                          const std::int64_t*, std::int64_t, Scored<float>*, std::int64_t*, int);
template void top_k_offer(const double*, std::int64_t, std::int64_t, std::int64_t, const std::int64_t*,
                          const std::int64_t*, std::int64_t, Scored<double>*, std::int64_t*, int);
template void top_k_finish(Scored<float>*, const std::int64_t*, std::int64_t, std::int64_t, std::int64_t*, float*, int);
template void top_k_finish(Scored<double>*, const std::int64_t*, std::int64_t, std::int64_t, std::int64_t*, double*,
                           int);

}  // namespace movieembed
