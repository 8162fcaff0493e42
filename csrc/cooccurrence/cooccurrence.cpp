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
constexpr int64_t kChunk = 16;

// One row of X at a time.
template <class T, class I>
class RowAccumulator {
public:
    RowAccumulator(const CsrView<T, I>& l, const CsrView<T, I>& lt) : l_(l), lt_(lt), sum_(l.cols), seen_(sum_.size()) {
        touched_.reserve(sum_.size());
    }

    // Row i, the diagonal left out.
    void compute(int64_t i) {
        int64_t work = 0;
        for (int64_t k = lt_.begin(i); k < lt_.end(i); ++k) {
            const int64_t u = lt_.indices[k];
            work += l_.end(u) - l_.begin(u);
        }
        // Where the row fills up, walking all of it costs less than a list of what was touched.
        dense_ = work > l_.cols / 4;
        for (int64_t k = lt_.begin(i); k < lt_.end(i); ++k) {
            const int64_t u = lt_.indices[k];
            const double w = static_cast<double>(lt_.value(k));
            for (int64_t m = l_.begin(u); m < l_.end(u); ++m) {
                const int64_t j = l_.indices[m];
                sum_[j] += w * static_cast<double>(l_.value(m));
                if (seen_[j]) continue;
                seen_[j] = 1;
                if (!dense_) touched_.push_back(l_.indices[m]);
            }
        }
        sum_[i] = 0;
        seen_[i] = 0;
    }

    // Calls f(column, sum) for each entry, and clears the row.
    template <class F>
    void drain(F f) {
        if (dense_) {
            for (int64_t j = 0; j < l_.cols; ++j) take(j, f);
        } else {
            for (const I j : touched_) take(j, f);
            touched_.clear();
        }
    }

private:
    template <class F>
    void take(int64_t j, F& f) {
        if (std::exchange(seen_[j], false)) f(j, std::exchange(sum_[j], 0.0));
    }

    const CsrView<T, I>& l_;
    const CsrView<T, I>& lt_;
    std::vector<double> sum_;
    std::vector<unsigned char> seen_;
    std::vector<I> touched_;
    bool dense_ = false;
};

// std::popcount calls a function where the baseline of an architecture has no instruction for it.
inline int64_t count_bits(uint64_t x) {
    x -= x >> 1 & 0x5555555555555555;
    x = (x & 0x3333333333333333) + (x >> 2 & 0x3333333333333333);
    x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f;
    return x * 0x0101010101010101 >> 56;
}

// Which columns share a user with row i, i itself left out.
template <class T, class I>
class RowPattern {
public:
    RowPattern(const CsrView<T, I>& l, const CsrView<T, I>& lt, const UserBits& users)
        : l_(l), lt_(lt), users_(users), bits_(UserBits::words_for(l.cols)) {
        touched_.reserve(l.cols);
    }

    void compute(int64_t i) {
        int64_t work = 0;
        for (int64_t k = lt_.begin(i); k < lt_.end(i); ++k) {
            const int64_t u = lt_.indices[k];
            work += l_.end(u) - l_.begin(u);
        }
        // Where the row fills up, walking all of it costs less than a list of what was touched, and the union of
        // whole bitsets less than setting bit by bit.
        const int64_t words = bits_.size();
        walked_ = work > words;
        if (walked_ && !users_.empty() && work > (lt_.end(i) - lt_.begin(i)) * words / 4)
            unite(i);
        else if (walked_)
            for_entries(i, [this](std::size_t word, uint64_t bit, I) { bits_[word] |= bit; });
        else
            for_entries(i, [this](std::size_t word, uint64_t bit, I j) {
                if (bits_[word] & bit) return;
                bits_[word] |= bit;
                touched_.push_back(j);
            });
        if (work > 0) bits_[i / 64] &= ~(uint64_t{1} << (i % 64));
    }

    // Calls f(column) for each, ascending, and clears the row.
    template <class F>
    void drain(F f) {
        if (walked_) {
            for (std::size_t w = 0; w < bits_.size(); ++w) {
                for (uint64_t word = bits_[w]; word; word &= word - 1)
                    f(static_cast<I>(w * 64 + std::countr_zero(word)));
            }
            std::fill(bits_.begin(), bits_.end(), 0);
        } else {
            std::sort(touched_.begin(), touched_.end());
            for (const I j : touched_) {
                const std::size_t at = j;
                if (bits_[at / 64] >> (at % 64) & 1) f(j);  // not the row itself
                bits_[at / 64] &= ~(uint64_t{1} << (at % 64));
            }
            touched_.clear();
        }
    }

    // How many there are; clears the row.
    int64_t drain_count() {
        int64_t n = 0;
        if (walked_) {
            for (const uint64_t word : bits_) n += count_bits(word);
            std::fill(bits_.begin(), bits_.end(), 0);
        } else {
            drain([&n](I) { ++n; });
        }
        return n;
    }

private:
    void unite(int64_t i) {
        // Word block by word block, and all users for each: the union of a cache line stays in registers.
        constexpr int64_t kBlock = UserBits::kBlock;
        for (int64_t w = 0; w < std::ssize(bits_); w += kBlock) {
            uint64_t block[kBlock] = {};
            for (int64_t k = lt_.begin(i); k < lt_.end(i); ++k) {
                const uint64_t* user = users_.row(lt_.indices[k]) + w;
                for (int64_t b = 0; b < kBlock; ++b) block[b] |= user[b];
            }
            std::copy(block, block + kBlock, bits_.begin() + w);
        }
    }

    template <class F>
    void for_entries(int64_t i, F f) {
        for (int64_t k = lt_.begin(i); k < lt_.end(i); ++k) {
            const int64_t u = lt_.indices[k];
            for (int64_t m = l_.begin(u); m < l_.end(u); ++m) {
                const std::size_t at = l_.indices[m];  // not signed: division by 64 is a shift
                f(at / 64, uint64_t{1} << (at % 64), l_.indices[m]);
            }
        }
    }

    const CsrView<T, I>& l_;
    const CsrView<T, I>& lt_;
    const UserBits& users_;
    std::vector<uint64_t> bits_;
    std::vector<I> touched_;
    bool walked_ = false;
};

// One row of X, where its pattern says it has entries.
template <class Sum, class T, class I>
class RowEntries {
public:
    RowEntries(const CsrView<T, I>& l, const CsrView<T, I>& lt, const UserBits& users)
        : l_(l), lt_(lt), pattern_(l, lt, users), sum_(l.cols) {}

    template <class A>
    void store(int64_t i, I* indices, A* data) {
        // First the sums, in columns' places; then where they are, which the pattern knows in order.
        for (int64_t k = lt_.begin(i); k < lt_.end(i); ++k) {
            const int64_t u = lt_.indices[k];
            const double w = static_cast<double>(lt_.value(k));
            for (int64_t m = l_.begin(u); m < l_.end(u); ++m) {
                const int64_t j = l_.indices[m];
                if constexpr (std::is_integral_v<Sum>)
                    ++sum_[j];
                else
                    sum_[j] += w * static_cast<double>(l_.values[m]);
            }
        }
        sum_[i] = 0;
        pattern_.compute(i);
        pattern_.drain([&](I j) {
            *indices++ = j;
            *data++ = static_cast<A>(std::exchange(sum_[j], Sum(0)));
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
void for_chunks(int64_t first, int64_t last, int n_threads, Work work, const Args&... args) {
    const int64_t chunks = (last - first + kChunk - 1) / kChunk;
    const int threads = static_cast<int>(std::max<int64_t>(1, std::min<int64_t>(resolve_threads(n_threads), chunks)));
    std::vector<Row> rows;
    rows.reserve(threads);
    for (int t = 0; t < threads; ++t) rows.emplace_back(args...);
    parallel_for(threads, chunks, [&](int64_t c, int worker) {
        const int64_t begin = first + c * kChunk;
        work(rows[worker], worker, begin, std::min(begin + kChunk, last));
    });
}

}  // namespace

UserBits::UserBits(int64_t rows, int64_t cols) : words_(words_for(cols)) {
    if (rows > 0 && words_ <= kMostWords / rows) bits_.resize(rows * words_);
}

template <class T, class I>
UserBits user_bits(const CsrView<T, I>& l) {
    UserBits users(l.rows, l.cols);
    if (users.empty()) return users;
    for (int64_t u = 0; u < l.rows; ++u)
        for (int64_t m = l.begin(u); m < l.end(u); ++m) users.set(u, l.indices[m]);
    return users;
}

template <class T, class I>
void cooccurrence_row_nnz(const CsrView<T, I>& l, const CsrView<T, I>& lt, const UserBits& users, int64_t first,
                          int64_t last, int64_t* nnz, int n_threads) {
    for_chunks<RowPattern<T, I>>(
        first, last, n_threads,
        [=](auto& row, int, int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) {
                row.compute(i);
                nnz[i - first] = row.drain_count();
            }
        },
        l, lt, users);
}

template <class T, class I, class A>
void cooccurrence_rows(const CsrView<T, I>& l, const CsrView<T, I>& lt, const UserBits& users, int64_t first,
                       int64_t last, const int64_t* indptr, I* indices, A* data, int n_threads) {
    using Sum = std::conditional_t<std::is_integral_v<A>, int32_t, double>;
    for_chunks<RowEntries<Sum, T, I>>(
        first, last, n_threads,
        [=](auto& row, int, int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) row.store(i, indices + indptr[i], data + indptr[i]);
        },
        l, lt, users);
}

template <class T, class I>
void cooccurrence_row_sums(const CsrView<T, I>& l, const CsrView<T, I>& lt, int64_t first, int64_t last,
                           double* sum_squares, double* totals, int n_threads) {
    for_chunks<RowAccumulator<T, I>>(
        first, last, n_threads,
        [=](auto& row, int, int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) {
                row.compute(i);
                double squares = 0, total = 0;
                row.drain([&](int64_t, double x) {
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
void cooccurrence_top_k(const CsrView<T, I>& l, const CsrView<T, I>& lt, int64_t first, int64_t last, int64_t k,
                        int64_t* columns, double* values, int n_threads) {
    const int threads = resolve_threads(n_threads);
    std::vector<Scored<double>> memory(threads * k);
    for_chunks<RowAccumulator<T, I>>(
        first, last, threads,
        [&](auto& row, int worker, int64_t begin, int64_t end) {
            Scored<double>* heap = memory.data() + worker * k;
            for (int64_t i = begin; i < end; ++i) {
                row.compute(i);
                TopK<double> best(heap, k);
                row.drain([&](int64_t j, double x) { best.offer(x, j); });
                best.sort();
                for (int64_t r = 0; r < k; ++r) {
                    const bool there = r < best.size();
                    columns[(i - first) * k + r] = there ? heap[r].column : -1;
                    values[(i - first) * k + r] = there ? heap[r].score : 0.0;
                }
            }
        },
        l, lt);
}

#define MOVIEEMBED_INSTANTIATE(T, I)                                                                                  \
    template UserBits user_bits(const CsrView<T, I>&);                                                                \
    template void cooccurrence_row_nnz(const CsrView<T, I>&, const CsrView<T, I>&, const UserBits&, int64_t, int64_t, \
                                       int64_t*, int);                                                                \
    template void cooccurrence_rows(const CsrView<T, I>&, const CsrView<T, I>&, const UserBits&, int64_t, int64_t,    \
                                    const int64_t*, I*, int64_t*, int);                                               \
    template void cooccurrence_rows(const CsrView<T, I>&, const CsrView<T, I>&, const UserBits&, int64_t, int64_t,    \
                                    const int64_t*, I*, double*, int);                                                \
    template void cooccurrence_row_sums(const CsrView<T, I>&, const CsrView<T, I>&, int64_t, int64_t, double*,        \
                                        double*, int);                                                                \
    template void cooccurrence_top_k(const CsrView<T, I>&, const CsrView<T, I>&, int64_t, int64_t, int64_t, int64_t*, \
                                     double*, int);
MOVIEEMBED_INSTANTIATE(float, int32_t)
MOVIEEMBED_INSTANTIATE(float, int64_t)
MOVIEEMBED_INSTANTIATE(double, int32_t)
MOVIEEMBED_INSTANTIATE(double, int64_t)

}  // namespace movieembed
