#include "cooccurrence_panels.hpp"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <algorithm>
#include <bit>
#include <functional>
#include <utility>

#include "threads.hpp"

namespace movieembed {
namespace {

constexpr std::int64_t kRows = CooccurrencePanels::kRows;
constexpr std::int64_t kStripe = 256;
constexpr std::int64_t kMost16 = 65535;

// The counts of one column in the rows of a panel.
struct alignas(64) Line {
    std::uint16_t at[kRows];
};

struct Wide {
    std::uint32_t at[kRows];
};

// Lines of zeros and ones for each byte of a mask.
struct Expansion {
    std::uint16_t at[256][8];
};

constexpr Expansion make_expansion() {
    Expansion e{};
    for (int byte = 0; byte < 256; ++byte)
        for (int bit = 0; bit < 8; ++bit) e.at[byte][bit] = static_cast<std::uint16_t>(byte >> bit & 1);
    return e;
}

alignas(64) constexpr Expansion kExpansion = make_expansion();

inline Line expanded(std::uint32_t mask) {
    Line line;
    for (int byte = 0; byte < 4; ++byte) std::copy_n(kExpansion.at[mask >> (8 * byte) & 255], 8, line.at + 8 * byte);
    return line;
}

inline void add_ones(Line& line, const Line& ones) {
    for (std::int64_t r = 0; r < kRows; ++r) line.at[r] = static_cast<std::uint16_t>(line.at[r] + ones.at[r]);
}

inline bool any(const Line& line) {
    std::uint64_t words[8];
    std::copy_n(reinterpret_cast<const char*>(&line), 64, reinterpret_cast<char*>(words));
    return (words[0] | words[1] | words[2] | words[3] | words[4] | words[5] | words[6] | words[7]) != 0;
}

// Which counts reach the bar of their row, or that of the column.
inline std::uint32_t reaching(const Line& line, const Line& bars, std::uint16_t bar) {
    std::uint32_t mask = 0;
#if defined(__SSE2__)
    const __m128i column_bar = _mm_set1_epi16(static_cast<short>(bar));
    const __m128i zero = _mm_setzero_si128();
    for (int half = 0; half < 2; ++half) {
        __m128i below[2];
        for (int part = 0; part < 2; ++part) {
            const int at = 16 * half + 8 * part;
            const __m128i x = _mm_load_si128(reinterpret_cast<const __m128i*>(line.at + at));
            const __m128i row_bar = _mm_load_si128(reinterpret_cast<const __m128i*>(bars.at + at));
            below[part] = _mm_or_si128(_mm_cmpeq_epi16(_mm_subs_epu16(row_bar, x), zero),
                                       _mm_cmpeq_epi16(_mm_subs_epu16(column_bar, x), zero));
        }
        mask |= static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_packs_epi16(below[0], below[1]))) << (16 * half);
    }
#else
    for (std::int64_t r = 0; r < kRows; ++r)
        mask |= static_cast<std::uint32_t>(line.at[r] >= bars.at[r] || line.at[r] >= bar) << r;
#endif
    return mask;
}

// Orders entries: the larger count, then the lower column. Never 0, as counts are not.
inline std::uint64_t key_of(std::uint32_t count, std::uint32_t column) {
    return std::uint64_t{count} << 32 | (~column & 0xffffffffu);
}

inline std::uint16_t bar_of(std::uint64_t worst) {
    return static_cast<std::uint16_t>(std::clamp<std::uint64_t>(worst >> 32, 1, kMost16));
}

}  // namespace

struct CooccurrencePanels::Worker {
    Worker(std::int64_t items, std::int64_t wide, std::int64_t capacity)
        : lines(static_cast<std::size_t>(items)),
          wide_lines(static_cast<std::size_t>(wide)),
          seen(static_cast<std::size_t>(items)),
          keys(static_cast<std::size_t>(kRows * capacity)) {
        touched.reserve(static_cast<std::size_t>(items));
    }

    std::vector<Line> lines;       // by label
    std::vector<Wide> wide_lines;  // what no longer fits them
    std::vector<unsigned char> seen;
    std::vector<std::uint32_t> touched;
    bool tracked = false;
    // Of the rows of the panel:
    std::vector<std::uint64_t> keys;
    Best best[kRows];
    Line bars;
    std::uint64_t squares[kRows];
};

template <class T, class I>
CooccurrencePanels::CooccurrencePanels(const CsrView<T, I>& l, std::int64_t k, int n_threads) : cols_(l.cols), k_(k) {
    relabel(l, resolve_threads(n_threads));
    std::vector<std::int64_t> row_begin(static_cast<std::size_t>(l.rows) + 1);
    for (std::int64_t u = 0; u <= l.rows; ++u) row_begin[static_cast<std::size_t>(u)] = l.begin(u);
    collect_visits(row_begin, resolve_threads(n_threads));
    squares_.resize(static_cast<std::size_t>(items_));
    locks_ = std::vector<std::mutex>(static_cast<std::size_t>(items_ / kStripe + 1));
    if (k_ == 0) return;
    // Room for twice k, so that the search for the k best of them is rare; a row has less than items_ entries.
    capacity_ = std::min(2 * k_ + 16, items_);
    keys_.reset(new std::uint64_t[static_cast<std::size_t>(items_ * capacity_)]);  // not initialised, so not touched
    best_.resize(static_cast<std::size_t>(items_));
    for (std::int64_t i = 0; i < items_; ++i) best_[static_cast<std::size_t>(i)].keys = keys_.get() + i * capacity_;
    bar_.assign(static_cast<std::size_t>(items_), 1);
}

CooccurrencePanels::~CooccurrencePanels() = default;

template <class T, class I>
void CooccurrencePanels::relabel(const CsrView<T, I>& l, [[maybe_unused]] int threads) {
    std::vector<std::int64_t> likes(static_cast<std::size_t>(l.cols)), totals(likes.size());
    for (std::int64_t u = 0; u < l.rows; ++u) {
        const std::int64_t others = l.end(u) - l.begin(u) - 1;
        for (std::int64_t m = l.begin(u); m < l.end(u); ++m) {
            const auto j = static_cast<std::size_t>(l.indices[m]);
            ++likes[j];
            totals[j] += others;
        }
    }
    for (std::size_t j = 0; j < likes.size(); ++j)
        if (likes[j] > 0) column_of_.push_back(static_cast<std::uint32_t>(j));
    std::stable_sort(column_of_.begin(), column_of_.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return likes[a] > likes[b]; });
    items_ = static_cast<std::int64_t>(column_of_.size());
    std::vector<std::uint32_t> label_of(likes.size());
    for (std::size_t i = 0; i < column_of_.size(); ++i) {
        label_of[column_of_[i]] = static_cast<std::uint32_t>(i);
        likes_.push_back(likes[column_of_[i]]);
        totals_.push_back(totals[column_of_[i]]);
        wide_ += likes_.back() > kMost16;
    }
    labels_.resize(static_cast<std::size_t>(l.rows > 0 ? l.end(l.rows - 1) : 0));
#pragma omp parallel for schedule(dynamic, 64) num_threads(threads)
    for (std::int64_t u = 0; u < l.rows; ++u) {
        for (std::int64_t m = l.begin(u); m < l.end(u); ++m)
            labels_[static_cast<std::size_t>(m)] = label_of[static_cast<std::size_t>(l.indices[m])];
        std::sort(labels_.begin() + l.begin(u), labels_.begin() + l.end(u));
    }
}

void CooccurrencePanels::collect_visits(const std::vector<std::int64_t>& row_begin, int threads) {
    const std::int64_t users = static_cast<std::int64_t>(row_begin.size()) - 1;
    const std::int64_t panels = (items_ + kRows - 1) / kRows;
    // Calls f(panel, visit) for the visits of users [from, to). The last item of a user meets no other.
    const auto for_visits = [&](std::int64_t from, std::int64_t to, auto f) {
        for (std::int64_t u = from; u < to; ++u) {
            const std::int64_t end = row_begin[static_cast<std::size_t>(u) + 1];
            for (std::int64_t m = row_begin[static_cast<std::size_t>(u)]; m < end - 1;) {
                const std::uint32_t panel = labels_[static_cast<std::size_t>(m)] / kRows;
                Visit visit{m, static_cast<std::uint32_t>(end - m), 0};
                for (; m < end && labels_[static_cast<std::size_t>(m)] / kRows == panel; ++m)
                    visit.mask |= std::uint32_t{1} << (labels_[static_cast<std::size_t>(m)] % kRows);
                f(panel, visit);
            }
        }
    };
    // Each thread counts and then places the visits of its own share of the users.
    std::vector<std::vector<std::int64_t>> at(static_cast<std::size_t>(threads),
                                              std::vector<std::int64_t>(static_cast<std::size_t>(panels)));
    std::vector<std::vector<std::int64_t>> work = at;
    std::vector<std::int64_t> share(static_cast<std::size_t>(threads) + 1);
    for (int t = 0; t <= threads; ++t)
        share[static_cast<std::size_t>(t)] =
            std::lower_bound(row_begin.begin(), row_begin.end() - 1, row_begin.back() / threads * t) -
            row_begin.begin();
    share.back() = users;
#pragma omp parallel for schedule(static, 1) num_threads(threads)
    for (int t = 0; t < threads; ++t) {
        const auto own = static_cast<std::size_t>(t);
        for_visits(share[own], share[own + 1], [&](std::uint32_t panel, const Visit& visit) {
            ++at[own][panel];
            work[own][panel] += visit.length;
        });
    }
    visits_begin_.assign(static_cast<std::size_t>(panels) + 1, 0);
    work_.assign(static_cast<std::size_t>(panels), 0);
    std::int64_t total = 0;
    for (std::size_t p = 0; p < work_.size(); ++p) {
        for (std::size_t t = 0; t < at.size(); ++t) {
            const std::int64_t n = at[t][p];
            at[t][p] = total;
            total += n;
            work_[p] += work[t][p];
        }
        visits_begin_[p + 1] = total;
    }
    visits_.resize(static_cast<std::size_t>(total));
#pragma omp parallel for schedule(static, 1) num_threads(threads)
    for (int t = 0; t < threads; ++t) {
        const auto own = static_cast<std::size_t>(t);
        for_visits(share[own], share[own + 1], [&](std::uint32_t panel, const Visit& visit) {
            visits_[static_cast<std::size_t>(at[own][panel]++)] = visit;
        });
    }
}

void CooccurrencePanels::add(std::int64_t first, std::int64_t last, int n_threads) {
    const int threads =
        static_cast<int>(std::max<std::int64_t>(1, std::min<std::int64_t>(resolve_threads(n_threads), last - first)));
    // Allocated before the parallel region: nothing may throw out of one.
    while (workers_.size() < static_cast<std::size_t>(threads))
        workers_.push_back(std::make_unique<Worker>(items_, wide_, capacity_));
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
    for (std::int64_t panel = first; panel < last; ++panel) {
        Worker& worker = *workers_[static_cast<std::size_t>(thread_index())];
        worker.tracked = work_[static_cast<std::size_t>(panel)] < (items_ - panel * kRows) / 16;
        if (worker.tracked)
            count<true>(panel, worker);
        else
            count<false>(panel, worker);
        drain(panel, worker);
    }
}

template <bool kTrack>
void CooccurrencePanels::count(std::int64_t panel, Worker& worker) const {
    Line* lines = worker.lines.data();
    const std::int64_t end = visits_begin_[static_cast<std::size_t>(panel) + 1];
    for (std::int64_t from = visits_begin_[static_cast<std::size_t>(panel)]; from < end; from += kMost16) {
        const std::int64_t to = std::min(end, from + kMost16);
        for (std::int64_t v = from; v < to; ++v) {
            const Visit& visit = visits_[static_cast<std::size_t>(v)];
            const Line ones = expanded(visit.mask);
            const std::uint32_t* label = labels_.data() + visit.begin;
            for (std::uint32_t n = 0; n < visit.length; ++n) {
                add_ones(lines[label[n]], ones);
                if constexpr (kTrack) {
                    if (!worker.seen[label[n]]) {
                        worker.seen[label[n]] = 1;
                        worker.touched.push_back(label[n]);
                    }
                }
            }
        }
        // Only counts of two items with more likes than that can outgrow 16 bits.
        for (std::int64_t j = panel * kRows; j < wide_; ++j) {
            for (std::int64_t r = 0; r < kRows; ++r)
                worker.wide_lines[static_cast<std::size_t>(j)].at[r] += lines[j].at[r];
            lines[j] = Line{};
        }
    }
}

void CooccurrencePanels::offer(Best& best, std::uint64_t key) const {
    if (key <= best.worst) return;
    best.keys[best.size++] = key;
    if (best.size < capacity_ || best.size <= k_) return;
    std::nth_element(best.keys, best.keys + k_ - 1, best.keys + best.size, std::greater<>());
    best.size = k_;
    best.worst = best.keys[k_ - 1];
}

void CooccurrencePanels::drain(std::int64_t panel, Worker& worker) {
    const std::int64_t first = panel * kRows;
    const std::int64_t last = std::min(first + kRows, items_);
    for (std::int64_t r = 0; r < kRows; ++r) {
        worker.best[r] = Best{worker.keys.data() + r * capacity_};
        worker.bars.at[r] = 1;
        worker.squares[r] = 0;
    }
    const auto offer_row = [&](std::int64_t r, std::uint32_t x, std::int64_t j) {
        offer(worker.best[r], key_of(x, column_of_[static_cast<std::size_t>(j)]));
        worker.bars.at[r] = bar_of(worker.best[r].worst);
    };
    const auto offer_column = [&](std::int64_t j, std::uint32_t x, std::int64_t r) {
        const auto at = static_cast<std::size_t>(j);
        offer(best_[at], key_of(x, column_of_[static_cast<std::size_t>(first + r)]));
        bar_[at] = bar_of(best_[at].worst);
    };
    // Any line, one count after the other. Those of the panel's own columns count for its rows only.
    const auto take_slowly = [&](std::int64_t j, Line& line) {
        std::uint64_t sum = 0;
        for (std::int64_t r = 0; r < last - first; ++r) {
            std::uint32_t x = line.at[r];
            if (j < wide_) x += std::exchange(worker.wide_lines[static_cast<std::size_t>(j)].at[r], 0u);
            if (x == 0 || j == first + r) continue;
            sum += std::uint64_t{x} * x;
            worker.squares[r] += std::uint64_t{x} * x;
            if (k_ == 0) continue;
            offer_row(r, x, j);
            if (j >= last) offer_column(j, x, r);
        }
        if (j >= last) squares_[static_cast<std::size_t>(j)] += static_cast<std::int64_t>(sum);
        line = Line{};
    };
    const auto take = [&](std::int64_t j, Line& line) {
        std::uint64_t sum = 0;
        for (std::int64_t r = 0; r < kRows; ++r) {
            const std::uint32_t x = line.at[r];
            worker.squares[r] += x * x;
            sum += x * x;
        }
        squares_[static_cast<std::size_t>(j)] += static_cast<std::int64_t>(sum);
        if (k_ > 0) {
            const std::uint16_t bar = bar_[static_cast<std::size_t>(j)];
            for (std::uint32_t mask = reaching(line, worker.bars, bar); mask; mask &= mask - 1) {
                const int r = std::countr_zero(mask);
                const std::uint32_t x = line.at[r];
                if (x >= worker.bars.at[r]) offer_row(r, x, j);
                if (x >= bar) offer_column(j, x, r);
            }
        }
        line = Line{};
    };
    const std::int64_t slow = std::max(last, wide_);
    Line* lines = worker.lines.data();
    std::unique_lock<std::mutex> lock;
    std::int64_t locked = -1;
    const auto take_line = [&](std::int64_t j) {
        if (j / kStripe != locked) {
            lock = {};
            locked = j / kStripe;
            lock = std::unique_lock(locks_[static_cast<std::size_t>(locked)]);
        }
        if (j < slow)
            take_slowly(j, lines[j]);
        else if (any(lines[j]))
            take(j, lines[j]);
    };
    if (worker.tracked) {
        std::sort(worker.touched.begin(), worker.touched.end());
        for (const std::uint32_t j : worker.touched) {
            worker.seen[j] = 0;
            take_line(j);
        }
        worker.touched.clear();
    } else {
        for (std::int64_t j = first; j < items_; ++j) take_line(j);
    }
    for (std::int64_t i = first; i < last; ++i) {
        if (i / kStripe != locked) {
            lock = {};
            locked = i / kStripe;
            lock = std::unique_lock(locks_[static_cast<std::size_t>(locked)]);
        }
        const auto at = static_cast<std::size_t>(i);
        squares_[at] += static_cast<std::int64_t>(worker.squares[i - first]);
        if (k_ == 0) continue;
        const Best& own = worker.best[i - first];
        for (std::int64_t n = 0; n < own.size; ++n) offer(best_[at], own.keys[n]);
        bar_[at] = bar_of(best_[at].worst);
    }
}

void CooccurrencePanels::sums(bool with_diagonal, double* sum_squares, double* totals) const {
    std::fill_n(sum_squares, cols_, 0.0);
    std::fill_n(totals, cols_, 0.0);
    for (std::size_t i = 0; i < column_of_.size(); ++i) {
        const std::int64_t diagonal = with_diagonal ? likes_[i] : 0;
        sum_squares[column_of_[i]] = static_cast<double>(squares_[i] + diagonal * diagonal);
        totals[column_of_[i]] = static_cast<double>(totals_[i] + diagonal);
    }
}

void CooccurrencePanels::top_k(std::int64_t* columns, double* values, int n_threads) {
    std::vector<std::int64_t> label_of(static_cast<std::size_t>(cols_), -1);
    for (std::int64_t i = 0; i < items_; ++i) label_of[column_of_[static_cast<std::size_t>(i)]] = i;
    [[maybe_unused]] const int threads = resolve_threads(n_threads);
#pragma omp parallel for schedule(dynamic, 64) num_threads(threads)
    for (std::int64_t c = 0; c < cols_; ++c) {
        std::int64_t n = 0;
        const std::int64_t label = label_of[static_cast<std::size_t>(c)];
        if (label >= 0) {
            const Best& best = best_[static_cast<std::size_t>(label)];
            n = std::min(k_, best.size);
            std::partial_sort(best.keys, best.keys + n, best.keys + best.size, std::greater<>());
            for (std::int64_t r = 0; r < n; ++r) {
                columns[c * k_ + r] = static_cast<std::int64_t>(~best.keys[r] & 0xffffffffu);
                values[c * k_ + r] = static_cast<double>(best.keys[r] >> 32);
            }
        }
        std::fill(columns + c * k_ + n, columns + (c + 1) * k_, -1);
        std::fill(values + c * k_ + n, values + (c + 1) * k_, 0.0);
    }
}

#define MOVIEEMBED_INSTANTIATE(T, I) \
    template CooccurrencePanels::CooccurrencePanels(const CsrView<T, I>&, std::int64_t, int);
MOVIEEMBED_INSTANTIATE(float, std::int32_t)
MOVIEEMBED_INSTANTIATE(float, std::int64_t)
MOVIEEMBED_INSTANTIATE(double, std::int32_t)
MOVIEEMBED_INSTANTIATE(double, std::int64_t)

}  // namespace movieembed
