#include "cooccurrence.hpp"

#include <algorithm>
#include <atomic>
#include <new>
#include <type_traits>

#include "threads.hpp"
#include "top_k.hpp"

namespace movieembed {
namespace {

// Rows of X are handed out in chunks of this many: few enough that one chunk of popular items does not
// keep a thread busy alone at the end.
constexpr std::int64_t kChunk = 16;

// One row of X at a time. Sum is std::int32_t where entries are counts of users (at most L.rows, which the
// border checks to fit), double where they are sums of products of weights.
template <class Sum, class T, class I>
class RowAccumulator {
public:
    RowAccumulator(const CsrView<T, I>& l, const CsrView<T, I>& lt)
        : l_(l), lt_(lt), sum_(static_cast<std::size_t>(l.cols)) {
        if constexpr (!kCounts) seen_.resize(sum_.size());
        touched_.reserve(sum_.size());
    }

    // Columns of row i from `from` on, the diagonal left out unless asked for.
    void compute(std::int64_t i, std::int64_t from, bool with_diagonal) {
        from_ = from;
        std::int64_t work = 0;
        for (std::int64_t k = lt_.begin(i); k < lt_.end(i); ++k) {
            const auto u = static_cast<std::int64_t>(lt_.indices[k]);
            work += l_.end(u) - l_.begin(u);
        }
        // Where the row fills up, walking all of it costs less than a list of what was touched.
        dense_ = work > l_.cols / 4;
        if (dense_)
            add_users<true>(i);
        else
            add_users<false>(i);
        if (!with_diagonal) {
            sum_[static_cast<std::size_t>(i)] = 0;
            if constexpr (!kCounts) seen_[static_cast<std::size_t>(i)] = 0;
        }
    }

    // Columns ascending, for those who need it.
    void sort() {
        if (!dense_) std::sort(touched_.begin(), touched_.end());
    }

    // Calls f(column, sum) for each entry, and clears the row.
    template <class F>
    void drain(F f) {
        if (dense_) {
            for (std::int64_t j = from_; j < l_.cols; ++j) take(static_cast<std::size_t>(j), f);
        } else {
            for (const I j : touched_) take(static_cast<std::size_t>(j), f);
            touched_.clear();
        }
    }

private:
    static constexpr bool kCounts = std::is_integral_v<Sum>;

    template <class F>
    void take(std::size_t j, F& f) {
        if constexpr (kCounts) {
            if (sum_[j] == 0) return;
        } else {
            if (!seen_[j]) return;
            seen_[j] = 0;
        }
        f(static_cast<I>(j), sum_[j]);
        sum_[j] = 0;
    }

    template <bool kDense>
    void add_users(std::int64_t i) {
        for (std::int64_t k = lt_.begin(i); k < lt_.end(i); ++k) {
            const auto u = static_cast<std::int64_t>(lt_.indices[k]);
            const I* row_end = l_.indices + l_.end(u);
            const I* j = l_.indices + l_.begin(u);
            if (from_ > 0) j = std::lower_bound(j, row_end, static_cast<I>(from_));
            if constexpr (kCounts) {
                for (; j != row_end; ++j) add<kDense>(*j, 1);
            } else {
                const double w = static_cast<double>(lt_.values[k]);
                const T* v = l_.values + (j - l_.indices);
                for (; j != row_end; ++j, ++v) add<kDense>(*j, w * static_cast<double>(*v));
            }
        }
    }

    template <bool kDense>
    void add(I j, Sum w) {
        const auto at = static_cast<std::size_t>(j);
        if constexpr (kCounts) {
            if constexpr (!kDense)
                if (sum_[at] == 0) touched_.push_back(j);
        } else {
            if (!seen_[at]) {
                seen_[at] = 1;
                if constexpr (!kDense) touched_.push_back(j);
            }
        }
        sum_[at] += w;
    }

    const CsrView<T, I>& l_;
    const CsrView<T, I>& lt_;
    std::vector<Sum> sum_;
    std::vector<unsigned char> seen_;
    std::vector<I> touched_;
    std::int64_t from_ = 0;
    bool dense_ = false;
};

// Calls work(chunk, accumulator, begin, end) for every chunk of rows in [first, last).
template <class Sum, class T, class I, class Work>
void for_chunks(const CsrView<T, I>& l, const CsrView<T, I>& lt, std::int64_t first, std::int64_t last, int n_threads,
                Work work) {
    const std::int64_t chunks = (last - first + kChunk - 1) / kChunk;
    const int threads =
        static_cast<int>(std::max<std::int64_t>(1, std::min<std::int64_t>(resolve_threads(n_threads), chunks)));
    // Allocated before the parallel region: nothing may throw out of one.
    std::vector<RowAccumulator<Sum, T, I>> accumulators;
    accumulators.reserve(static_cast<std::size_t>(threads));
    for (int t = 0; t < threads; ++t) accumulators.emplace_back(l, lt);
    parallel_for(threads, chunks, [&](std::int64_t c, int worker) {
        const std::int64_t begin = first + c * kChunk;
        work(c, worker, accumulators[static_cast<std::size_t>(worker)], begin, std::min(begin + kChunk, last));
    });
}

template <class Sum, class T, class I>
void row_sums(const CsrView<T, I>& l, const CsrView<T, I>& lt, std::int64_t first, std::int64_t last,
              bool with_diagonal, double* sum_squares, double* totals, int n_threads) {
    using Wide = std::conditional_t<std::is_integral_v<Sum>, std::int64_t, double>;
    for_chunks<Sum>(l, lt, first, last, n_threads,
                    [=](std::int64_t, int, auto& row, std::int64_t begin, std::int64_t end) {
                        for (std::int64_t i = begin; i < end; ++i) {
                            row.compute(i, 0, with_diagonal);
                            Wide squares = 0, total = 0;
                            row.drain([&](I, Sum sum) {
                                const Wide x = static_cast<Wide>(sum);
                                squares += x * x;
                                total += x;
                            });
                            sum_squares[i - first] = static_cast<double>(squares);
                            totals[i - first] = static_cast<double>(total);
                        }
                    });
}

template <class Sum, class T, class I>
void top_k(const CsrView<T, I>& l, const CsrView<T, I>& lt, std::int64_t first, std::int64_t last, std::int64_t k,
           std::int64_t* columns, double* values, int n_threads) {
    const int threads = resolve_threads(n_threads);
    std::vector<Scored<Sum>> memory(static_cast<std::size_t>(threads) * static_cast<std::size_t>(k));
    for_chunks<Sum>(l, lt, first, last, threads,
                    [&](std::int64_t, int worker, auto& row, std::int64_t begin, std::int64_t end) {
                        Scored<Sum>* heap = memory.data() + static_cast<std::int64_t>(worker) * k;
                        for (std::int64_t i = begin; i < end; ++i) {
                            row.compute(i, 0, false);
                            TopK<Sum> best(heap, k);
                            row.drain([&](I j, Sum sum) { best.offer(sum, static_cast<std::int64_t>(j)); });
                            best.sort();
                            for (std::int64_t r = 0; r < k; ++r) {
                                const bool there = r < best.size();
                                columns[(i - first) * k + r] = there ? heap[r].column : -1;
                                values[(i - first) * k + r] = there ? static_cast<double>(heap[r].score) : 0.0;
                            }
                        }
                    });
}

}  // namespace

template <class Sum, class T, class I>
void UpperRows<Sum, T, I>::add(std::int64_t first, std::int64_t last, int n_threads) {
    const std::int64_t chunks = (last - first + kChunk - 1) / kChunk;
    const std::size_t before = chunks_.size();
    chunks_.resize(before + static_cast<std::size_t>(chunks));
    std::atomic<bool> full{false};
    for_chunks<Sum>(l_, lt_, first, last, n_threads,
                    [&](std::int64_t c, int, auto& row, std::int64_t begin, std::int64_t end) {
                        Chunk& chunk = chunks_[before + static_cast<std::size_t>(c)];
                        chunk.first_row = begin;
                        try {
                            for (std::int64_t i = begin; i < end; ++i) {
                                row.compute(i, i + 1, false);
                                row.sort();
                                row.drain([&](I j, Sum sum) {
                                    chunk.columns.push_back(j);
                                    chunk.sums.push_back(sum);
                                });
                                chunk.row_end.push_back(static_cast<std::int64_t>(chunk.columns.size()));
                            }
                        } catch (const std::bad_alloc&) {
                            full = true;  // nothing may throw out of a parallel region
                        }
                    });
    if (full) throw std::bad_alloc();
}

template <class Sum, class T, class I>
std::vector<std::int64_t> UpperRows<Sum, T, I>::row_nnz() const {
    std::vector<std::int64_t> nnz(static_cast<std::size_t>(l_.cols), 0);
    for (const Chunk& chunk : chunks_) {
        std::int64_t start = 0;
        for (std::size_t r = 0; r < chunk.row_end.size(); ++r) {
            nnz[static_cast<std::size_t>(chunk.first_row) + r] += chunk.row_end[r] - start;
            start = chunk.row_end[r];
        }
        for (const I j : chunk.columns) ++nnz[static_cast<std::size_t>(j)];
    }
    return nnz;
}

template <class Sum, class T, class I>
template <class A>
void UpperRows<Sum, T, I>::fill(const std::int64_t* indptr, I* indices, A* data, int n_threads) const {
    // Threads own ranges of columns j. Rows i are taken in ascending order, so that the entries (j, i) of the
    // lower triangle arrive sorted; the owner of row i itself copies its upper part, which follows them.
    const int threads = resolve_threads(n_threads);
    std::vector<std::int64_t> cursor(indptr, indptr + l_.cols);
    std::vector<std::int64_t> bound(static_cast<std::size_t>(threads) + 1);
    for (int t = 0; t <= threads; ++t) {
        const std::int64_t target = indptr[l_.cols] / threads * t;
        bound[static_cast<std::size_t>(t)] =
            t == threads ? l_.cols : std::lower_bound(indptr, indptr + l_.cols, target) - indptr;
    }
    parallel_for(threads, threads, [&](std::int64_t t, int) {
        const I low = static_cast<I>(bound[static_cast<std::size_t>(t)]);
        const I high = static_cast<I>(bound[static_cast<std::size_t>(t) + 1]);
        for (const Chunk& chunk : chunks_) {
            std::int64_t start = 0;
            for (std::size_t r = 0; r < chunk.row_end.size(); ++r) {
                const I i = static_cast<I>(chunk.first_row + static_cast<std::int64_t>(r));
                const I* columns = chunk.columns.data();
                const Sum* sums = chunk.sums.data();
                const std::int64_t end = chunk.row_end[r];
                if (low <= i && i < high) {
                    const std::int64_t to = indptr[i + 1] - (end - start);
                    std::copy(columns + start, columns + end, indices + to);
                    for (std::int64_t m = start; m < end; ++m) data[to + m - start] = static_cast<A>(sums[m]);
                }
                std::int64_t m = std::lower_bound(columns + start, columns + end, low) - columns;
                for (; m < end && columns[m] < high; ++m) {
                    const std::int64_t to = cursor[static_cast<std::size_t>(columns[m])]++;
                    indices[to] = i;
                    data[to] = static_cast<A>(sums[m]);
                }
                start = end;
            }
        }
    });
}

template <class T, class I>
void cooccurrence_row_sums(const CsrView<T, I>& l, const CsrView<T, I>& lt, std::int64_t first, std::int64_t last,
                           bool with_diagonal, double* sum_squares, double* totals, int n_threads) {
    if (l.values)
        row_sums<double>(l, lt, first, last, with_diagonal, sum_squares, totals, n_threads);
    else
        row_sums<std::int32_t>(l, lt, first, last, with_diagonal, sum_squares, totals, n_threads);
}

template <class T, class I>
void cooccurrence_top_k(const CsrView<T, I>& l, const CsrView<T, I>& lt, std::int64_t first, std::int64_t last,
                        std::int64_t k, std::int64_t* columns, double* values, int n_threads) {
    if (l.values)
        top_k<double>(l, lt, first, last, k, columns, values, n_threads);
    else
        top_k<std::int32_t>(l, lt, first, last, k, columns, values, n_threads);
}

#define MOVIEEMBED_INSTANTIATE(T, I)                                                                                  \
    template class UpperRows<std::int32_t, T, I>;                                                                     \
    template class UpperRows<double, T, I>;                                                                           \
    template void UpperRows<std::int32_t, T, I>::fill(const std::int64_t*, I*, std::int64_t*, int) const;             \
    template void UpperRows<double, T, I>::fill(const std::int64_t*, I*, double*, int) const;                         \
    template void cooccurrence_row_sums(const CsrView<T, I>&, const CsrView<T, I>&, std::int64_t, std::int64_t, bool, \
                                        double*, double*, int);                                                       \
    template void cooccurrence_top_k(const CsrView<T, I>&, const CsrView<T, I>&, std::int64_t, std::int64_t,          \
                                     std::int64_t, std::int64_t*, double*, int);
MOVIEEMBED_INSTANTIATE(float, std::int32_t)
MOVIEEMBED_INSTANTIATE(float, std::int64_t)
MOVIEEMBED_INSTANTIATE(double, std::int32_t)
MOVIEEMBED_INSTANTIATE(double, std::int64_t)

}  // namespace movieembed
