#include "cooccurrence.hpp"

#include <algorithm>

#include "threads.hpp"
#include "top_k.hpp"

namespace movieembed {
namespace {

// Rows of X are handed out in chunks of this many: few enough that one chunk of popular items does not
// keep a thread busy alone at the end.
constexpr std::int64_t kChunk = 16;

// One row of X at a time. Sum is std::int32_t where entries are counts of users (at most L.rows, checked
// by the border to fit), double where they are sums of products of weights.
template <class Sum, class T, class I>
class RowAccumulator {
public:
    RowAccumulator(const CsrView<T, I>& l, const CsrView<T, I>& lt)
        : l_(l), lt_(lt), sum_(static_cast<std::size_t>(l.cols)), seen_(static_cast<std::size_t>(l.cols)) {
        touched_.reserve(static_cast<std::size_t>(l.cols));
    }

    // Computes row i; touched() then lists its columns, the diagonal left out unless asked for.
    void compute(std::int64_t i, bool with_diagonal) {
        clear();
        for (std::int64_t k = lt_.begin(i); k < lt_.end(i); ++k) {
            const std::int64_t u = static_cast<std::int64_t>(lt_.indices[k]);
            if (l_.values) {
                const double w = static_cast<double>(lt_.values[k]);
                for (std::int64_t m = l_.begin(u); m < l_.end(u); ++m)
                    add(l_.indices[m], static_cast<Sum>(w * static_cast<double>(l_.values[m])));
            } else {
                for (std::int64_t m = l_.begin(u); m < l_.end(u); ++m) add(l_.indices[m], Sum(1));
            }
        }
        if (!with_diagonal) {
            const auto self = std::find(touched_.begin(), touched_.end(), static_cast<I>(i));
            if (self != touched_.end()) {
                sum_[static_cast<std::size_t>(i)] = 0;
                seen_[static_cast<std::size_t>(i)] = 0;
                *self = touched_.back();
                touched_.pop_back();
            }
        }
    }

    const std::vector<I>& touched() const { return touched_; }
    Sum operator[](I j) const { return sum_[static_cast<std::size_t>(j)]; }

    // Sorting a long list costs more than walking the whole row once.
    void sort_touched() {
        if (touched_.size() * 8 < sum_.size()) {
            std::sort(touched_.begin(), touched_.end());
            return;
        }
        touched_.clear();
        for (std::size_t j = 0; j < seen_.size(); ++j)
            if (seen_[j]) touched_.push_back(static_cast<I>(j));
    }

private:
    void add(I j, Sum w) {
        const auto at = static_cast<std::size_t>(j);
        if (!seen_[at]) {
            seen_[at] = 1;
            touched_.push_back(j);
        }
        sum_[at] += w;
    }

    void clear() {
        for (const I j : touched_) {
            sum_[static_cast<std::size_t>(j)] = 0;
            seen_[static_cast<std::size_t>(j)] = 0;
        }
        touched_.clear();
    }

    const CsrView<T, I>& l_;
    const CsrView<T, I>& lt_;
    std::vector<Sum> sum_;
    std::vector<unsigned char> seen_;
    std::vector<I> touched_;
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
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
    for (std::int64_t c = 0; c < chunks; ++c) {
        const std::int64_t begin = first + c * kChunk;
        work(c, accumulators[static_cast<std::size_t>(thread_index())], begin, std::min(begin + kChunk, last));
    }
}

template <class Sum, class T, class I>
void row_sums(const CsrView<T, I>& l, const CsrView<T, I>& lt, std::int64_t first, std::int64_t last,
              bool with_diagonal, double* sum_squares, double* totals, int n_threads) {
    using Wide = std::conditional_t<std::is_integral_v<Sum>, std::int64_t, double>;
    for_chunks<Sum>(l, lt, first, last, n_threads, [=](std::int64_t, auto& row, std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            row.compute(i, with_diagonal);
            Wide squares = 0, total = 0;
            for (const I j : row.touched()) {
                const Wide x = static_cast<Wide>(row[j]);
                squares += x * x;
                total += x;
            }
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
    for_chunks<Sum>(l, lt, first, last, threads, [&](std::int64_t, auto& row, std::int64_t begin, std::int64_t end) {
        Scored<Sum>* heap = memory.data() + static_cast<std::int64_t>(thread_index()) * k;
        for (std::int64_t i = begin; i < end; ++i) {
            row.compute(i, false);
            TopK<Sum> best(heap, k);
            for (const I j : row.touched()) best.offer(row[j], static_cast<std::int64_t>(j));
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

template <class A, class T, class I>
CooccurrenceRows<A, I> cooccurrence_rows(const CsrView<T, I>& l, const CsrView<T, I>& lt, std::int64_t first,
                                         std::int64_t last, int n_threads) {
    using Sum = std::conditional_t<std::is_integral_v<A>, std::int32_t, double>;
    const std::int64_t chunks = (last - first + kChunk - 1) / kChunk;
    CooccurrenceRows<A, I> rows;
    rows.row_nnz.resize(static_cast<std::size_t>(last - first));

    // Two passes: count, then fill in place. The second costs less than holding every chunk twice would.
    for_chunks<Sum>(l, lt, first, last, n_threads, [&](std::int64_t, auto& row, std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            row.compute(i, false);
            rows.row_nnz[static_cast<std::size_t>(i - first)] = static_cast<std::int64_t>(row.touched().size());
        }
    });
    std::vector<std::int64_t> start(static_cast<std::size_t>(chunks) + 1, 0);
    std::int64_t total = 0;
    for (std::int64_t i = first; i < last; ++i) {
        if ((i - first) % kChunk == 0) start[static_cast<std::size_t>((i - first) / kChunk)] = total;
        total += rows.row_nnz[static_cast<std::size_t>(i - first)];
    }
    rows.indices.resize(static_cast<std::size_t>(total));
    rows.data.resize(static_cast<std::size_t>(total));
    for_chunks<Sum>(l, lt, first, last, n_threads,
                    [&](std::int64_t c, auto& row, std::int64_t begin, std::int64_t end) {
                        auto at = static_cast<std::size_t>(start[static_cast<std::size_t>(c)]);
                        for (std::int64_t i = begin; i < end; ++i) {
                            row.compute(i, false);
                            row.sort_touched();
                            for (const I j : row.touched()) {
                                rows.indices[at] = j;
                                rows.data[at++] = static_cast<A>(row[j]);
                            }
                        }
                    });
    return rows;
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
    template CooccurrenceRows<std::int64_t, I> cooccurrence_rows(const CsrView<T, I>&, const CsrView<T, I>&,          \
                                                                 std::int64_t, std::int64_t, int);                    \
    template CooccurrenceRows<double, I> cooccurrence_rows(const CsrView<T, I>&, const CsrView<T, I>&, std::int64_t,  \
                                                           std::int64_t, int);                                        \
    template void cooccurrence_row_sums(const CsrView<T, I>&, const CsrView<T, I>&, std::int64_t, std::int64_t, bool, \
                                        double*, double*, int);                                                       \
    template void cooccurrence_top_k(const CsrView<T, I>&, const CsrView<T, I>&, std::int64_t, std::int64_t,          \
                                     std::int64_t, std::int64_t*, double*, int);
MOVIEEMBED_INSTANTIATE(float, std::int32_t)
MOVIEEMBED_INSTANTIATE(float, std::int64_t)
MOVIEEMBED_INSTANTIATE(double, std::int32_t)
MOVIEEMBED_INSTANTIATE(double, std::int64_t)

}  // namespace movieembed
