#include "cooccurrence/cooccurrence.hpp"

#include <algorithm>
#include <bit>
#include <iterator>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/parallel.hpp"
#include "core/top_k.hpp"

namespace movieembed {
namespace {

// Rows of X are handed out in chunks of this many: few enough that one chunk of popular items does not
// keep a thread busy alone at the end.
constexpr std::int64_t kChunk = 16;

// One row of X at a time.
template <class T, class I>
class RowAccumulator {
public:
    RowAccumulator(const CsrView<T, I>& l, const CsrView<T, I>& lt)
        : l_(l), lt_(lt), sum_(static_cast<std::size_t>(l.cols)), seen_(sum_.size()) {
        touched_.reserve(sum_.size());
    }

    // Row i, the diagonal left out.
    void compute(std::int64_t i) {
        std::int64_t work = 0;
        for (std::int64_t k = lt_.begin(i); k < lt_.end(i); ++k) {
            const auto u = static_cast<std::int64_t>(lt_.indices[k]);
            work += l_.end(u) - l_.begin(u);
        }
        // Where the row fills up, walking all of it costs less than a list of what was touched.
        dense_ = work > l_.cols / 4;
        for (std::int64_t k = lt_.begin(i); k < lt_.end(i); ++k) {
            const auto u = static_cast<std::int64_t>(lt_.indices[k]);
            const double w = static_cast<double>(lt_.value(k));
            for (std::int64_t m = l_.begin(u); m < l_.end(u); ++m) {
                const auto j = static_cast<std::size_t>(l_.indices[m]);
                sum_[j] += w * static_cast<double>(l_.value(m));
                if (seen_[j]) continue;
                seen_[j] = 1;
                if (!dense_) touched_.push_back(l_.indices[m]);
            }
        }
        sum_[static_cast<std::size_t>(i)] = 0;
        seen_[static_cast<std::size_t>(i)] = 0;
    }

    // Calls f(column, sum) for each entry, and clears the row.
    template <class F>
    void drain(F f) {
        if (dense_) {
            for (std::int64_t j = 0; j < l_.cols; ++j) take(j, f);
        } else {
            for (const I j : touched_) take(static_cast<std::int64_t>(j), f);
            touched_.clear();
        }
    }

private:
    template <class F>
    void take(std::int64_t j, F& f) {
        const auto at = static_cast<std::size_t>(j);
        if (!std::exchange(seen_[at], false)) return;
        f(j, std::exchange(sum_[at], 0.0));
    }

    const CsrView<T, I>& l_;
    const CsrView<T, I>& lt_;
    std::vector<double> sum_;
    std::vector<unsigned char> seen_;
    std::vector<I> touched_;
    bool dense_ = false;
};

// std::popcount calls a function where the baseline of an architecture has no instruction for it.
inline std::int64_t count_bits(std::uint64_t x) {
    x -= x >> 1 & 0x5555555555555555;
    x = (x & 0x3333333333333333) + (x >> 2 & 0x3333333333333333);
    x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f;
    return static_cast<std::int64_t>(x * 0x0101010101010101 >> 56);
}

// Which columns share a user with row i, i itself left out.
template <class T, class I>
class RowPattern {
public:
    RowPattern(const CsrView<T, I>& l, const CsrView<T, I>& lt, const UserBits& users)
        : l_(l), lt_(lt), users_(users), bits_(static_cast<std::size_t>(UserBits::words_for(l.cols))) {
        touched_.reserve(static_cast<std::size_t>(l.cols));
    }

    void compute(std::int64_t i) {
        std::int64_t work = 0;
        for (std::int64_t k = lt_.begin(i); k < lt_.end(i); ++k) {
            const auto u = static_cast<std::int64_t>(lt_.indices[k]);
            work += l_.end(u) - l_.begin(u);
        }
        // Where the row fills up, walking all of it costs less than a list of what was touched, and the union of
        // whole bitsets less than setting bit by bit.
        const auto words = static_cast<std::int64_t>(bits_.size());
        walked_ = work > words;
        if (walked_ && !users_.empty() && work > (lt_.end(i) - lt_.begin(i)) * words / 4)
            unite(i);
        else if (walked_)
            for_entries(i, [this](std::size_t word, std::uint64_t bit, I) { bits_[word] |= bit; });
        else
            for_entries(i, [this](std::size_t word, std::uint64_t bit, I j) {
                if (bits_[word] & bit) return;
                bits_[word] |= bit;
                touched_.push_back(j);
            });
        if (work > 0) bits_[static_cast<std::size_t>(i / 64)] &= ~(std::uint64_t{1} << (i % 64));
    }

    // Calls f(column) for each, ascending, and clears the row.
    template <class F>
    void drain(F f) {
        if (walked_) {
            for (std::size_t w = 0; w < bits_.size(); ++w) {
                for (std::uint64_t word = bits_[w]; word; word &= word - 1)
                    f(static_cast<I>(w * 64 + static_cast<std::size_t>(std::countr_zero(word))));
            }
            std::fill(bits_.begin(), bits_.end(), 0);
        } else {
            std::sort(touched_.begin(), touched_.end());
            for (const I j : touched_) {
                const auto at = static_cast<std::size_t>(j);
                if (bits_[at / 64] >> (at % 64) & 1) f(j);  // not the row itself
                bits_[at / 64] &= ~(std::uint64_t{1} << (at % 64));
            }
            touched_.clear();
        }
    }

    // How many there are; clears the row.
    std::int64_t drain_count() {
        std::int64_t n = 0;
        if (walked_) {
            for (const std::uint64_t word : bits_) n += count_bits(word);
            std::fill(bits_.begin(), bits_.end(), 0);
        } else {
            drain([&n](I) { ++n; });
        }
        return n;
    }

private:
    void unite(std::int64_t i) {
        constexpr std::int64_t kBlock = UserBits::kBlock;
        for (std::int64_t w = 0; w < static_cast<std::int64_t>(bits_.size()); w += kBlock) {
            std::uint64_t block[kBlock] = {};
            for (std::int64_t k = lt_.begin(i); k < lt_.end(i); ++k) {
                const std::uint64_t* user = users_.row(static_cast<std::int64_t>(lt_.indices[k])) + w;
                for (std::int64_t b = 0; b < kBlock; ++b) block[b] |= user[b];
            }
            std::copy(block, block + kBlock, bits_.begin() + w);
        }
    }

    template <class F>
    void for_entries(std::int64_t i, F f) {
        for (std::int64_t k = lt_.begin(i); k < lt_.end(i); ++k) {
            const auto u = static_cast<std::int64_t>(lt_.indices[k]);
            for (std::int64_t m = l_.begin(u); m < l_.end(u); ++m) {
                const auto at = static_cast<std::size_t>(l_.indices[m]);
                f(at / 64, std::uint64_t{1} << (at % 64), l_.indices[m]);
            }
        }
    }

    const CsrView<T, I>& l_;
    const CsrView<T, I>& lt_;
    const UserBits& users_;
    std::vector<std::uint64_t> bits_;
    std::vector<I> touched_;
    bool walked_ = false;
};

// One row of X, where its pattern says it has entries.
template <class Sum, class T, class I>
class RowEntries {
public:
    RowEntries(const CsrView<T, I>& l, const CsrView<T, I>& lt, const UserBits& users)
        : l_(l), lt_(lt), pattern_(l, lt, users), sum_(static_cast<std::size_t>(l.cols)) {}

    template <class A>
    void store(std::int64_t i, I* indices, A* data) {
        for (std::int64_t k = lt_.begin(i); k < lt_.end(i); ++k) {
            const auto u = static_cast<std::int64_t>(lt_.indices[k]);
            const double w = static_cast<double>(lt_.value(k));
            for (std::int64_t m = l_.begin(u); m < l_.end(u); ++m) {
                const auto j = static_cast<std::size_t>(l_.indices[m]);
                if constexpr (std::is_integral_v<Sum>)
                    ++sum_[j];
                else
                    sum_[j] += w * static_cast<double>(l_.values[m]);
            }
        }
        sum_[static_cast<std::size_t>(i)] = 0;
        pattern_.compute(i);
        pattern_.drain([&](I j) {
            *indices++ = j;
            *data++ = static_cast<A>(std::exchange(sum_[static_cast<std::size_t>(j)], Sum(0)));
        });
    }

private:
    const CsrView<T, I>& l_;
    const CsrView<T, I>& lt_;
    RowPattern<T, I> pattern_;
    std::vector<Sum> sum_;
};

// Calls work(row, worker, begin, end), row a Row of the worker's own, for every chunk of rows in [first, last).
template <class Row, class Work, class... Args>
void for_chunks(std::int64_t first, std::int64_t last, int n_threads, Work work, const Args&... args) {
    const std::int64_t chunks = (last - first + kChunk - 1) / kChunk;
    const int threads =
        static_cast<int>(std::max<std::int64_t>(1, std::min<std::int64_t>(resolve_threads(n_threads), chunks)));
    std::vector<Row> rows;
    rows.reserve(static_cast<std::size_t>(threads));
    for (int t = 0; t < threads; ++t) rows.emplace_back(args...);
    parallel_for(threads, chunks, [&](std::int64_t c, int worker) {
        const std::int64_t begin = first + c * kChunk;
        work(rows[static_cast<std::size_t>(worker)], worker, begin, std::min(begin + kChunk, last));
    });
}

}  // namespace

UserBits::UserBits(std::int64_t rows, std::int64_t cols) : words_(words_for(cols)) {
    if (rows > 0 && words_ <= kMostWords / rows) bits_.resize(static_cast<std::size_t>(rows * words_));
}

template <class T, class I>
UserBits user_bits(const CsrView<T, I>& l) {
    UserBits users(l.rows, l.cols);
    if (users.empty()) return users;
    for (std::int64_t u = 0; u < l.rows; ++u)
        for (std::int64_t m = l.begin(u); m < l.end(u); ++m) users.set(u, static_cast<std::int64_t>(l.indices[m]));
    return users;
}

template <class T, class I>
void cooccurrence_row_nnz(const CsrView<T, I>& l, const CsrView<T, I>& lt, const UserBits& users, std::int64_t first,
                          std::int64_t last, std::int64_t* nnz, int n_threads) {
    for_chunks<RowPattern<T, I>>(
        first, last, n_threads,
        [=](auto& row, int, std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) {
                row.compute(i);
                nnz[i - first] = row.drain_count();
            }
        },
        l, lt, users);
}

template <class T, class I, class A>
void cooccurrence_rows(const CsrView<T, I>& l, const CsrView<T, I>& lt, const UserBits& users, std::int64_t first,
                       std::int64_t last, const std::int64_t* indptr, I* indices, A* data, int n_threads) {
    using Sum = std::conditional_t<std::is_integral_v<A>, std::int32_t, double>;
    for_chunks<RowEntries<Sum, T, I>>(
        first, last, n_threads,
        [=](auto& row, int, std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) row.store(i, indices + indptr[i], data + indptr[i]);
        },
        l, lt, users);
}

template <class T, class I>
void cooccurrence_row_sums(const CsrView<T, I>& l, const CsrView<T, I>& lt, std::int64_t first, std::int64_t last,
                           double* sum_squares, double* totals, int n_threads) {
    for_chunks<RowAccumulator<T, I>>(
        first, last, n_threads,
        [=](auto& row, int, std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) {
                row.compute(i);
                double squares = 0, total = 0;
                row.drain([&](std::int64_t, double x) {
                    squares += x * x;
                    total += x;
                });
                sum_squares[i - first] = squares;
                totals[i - first] = total;
            }
        },
        l, lt);
}

template <class T, class I>
void cooccurrence_top_k(const CsrView<T, I>& l, const CsrView<T, I>& lt, std::int64_t first, std::int64_t last,
                        std::int64_t k, std::int64_t* columns, double* values, int n_threads) {
    const int threads = resolve_threads(n_threads);
    std::vector<Scored<double>> memory(static_cast<std::size_t>(threads) * static_cast<std::size_t>(k));
    for_chunks<RowAccumulator<T, I>>(
        first, last, threads,
        [&](auto& row, int worker, std::int64_t begin, std::int64_t end) {
            Scored<double>* heap = memory.data() + static_cast<std::int64_t>(worker) * k;
            for (std::int64_t i = begin; i < end; ++i) {
                row.compute(i);
                TopK<double> best(heap, k);
                row.drain([&](std::int64_t j, double x) { best.offer(x, j); });
                best.sort();
                for (std::int64_t r = 0; r < k; ++r) {
                    const bool there = r < best.size();
                    columns[(i - first) * k + r] = there ? heap[r].column : -1;
                    values[(i - first) * k + r] = there ? heap[r].score : 0.0;
                }
            }
        },
        l, lt);
}

#define MOVIEEMBED_INSTANTIATE(T, I)                                                                              \
    template UserBits user_bits(const CsrView<T, I>&);                                                            \
    template void cooccurrence_row_nnz(const CsrView<T, I>&, const CsrView<T, I>&, const UserBits&, std::int64_t, \
                                       std::int64_t, std::int64_t*, int);                                         \
    template void cooccurrence_rows(const CsrView<T, I>&, const CsrView<T, I>&, const UserBits&, std::int64_t,    \
                                    std::int64_t, const std::int64_t*, I*, std::int64_t*, int);                   \
    template void cooccurrence_rows(const CsrView<T, I>&, const CsrView<T, I>&, const UserBits&, std::int64_t,    \
                                    std::int64_t, const std::int64_t*, I*, double*, int);                         \
    template void cooccurrence_row_sums(const CsrView<T, I>&, const CsrView<T, I>&, std::int64_t, std::int64_t,   \
                                        double*, double*, int);                                                   \
    template void cooccurrence_top_k(const CsrView<T, I>&, const CsrView<T, I>&, std::int64_t, std::int64_t,      \
                                     std::int64_t, std::int64_t*, double*, int);
MOVIEEMBED_INSTANTIATE(float, std::int32_t)
MOVIEEMBED_INSTANTIATE(float, std::int64_t)
MOVIEEMBED_INSTANTIATE(double, std::int32_t)
MOVIEEMBED_INSTANTIATE(double, std::int64_t)

}  // namespace movieembed
