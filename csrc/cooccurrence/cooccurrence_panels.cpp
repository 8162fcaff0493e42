#include "cooccurrence/cooccurrence_panels.hpp"

#include <algorithm>
#include <bit>
#include <functional>
#include <utility>

#include "core/isa.hpp"
#include "core/parallel.hpp"

namespace movieembed {
namespace {

constexpr int64_t kRows = kPanelRows;
constexpr int64_t kStripe = kPanelStripe;

struct WideLine {
    uint32_t at[kRows];
};

const PanelTable& panel_table() { return MOVIEEMBED_FOR_ISA(panel_table); }

uint64_t key_of(uint32_t count, uint32_t own_low) { return uint64_t{count} << 32 | own_low; }

uint16_t bar_of(uint64_t worst) { return static_cast<uint16_t>(std::clamp<uint64_t>(worst >> 32, 1, kMost16)); }

}  // namespace

struct CooccurrencePanels::Worker {
    Worker(int64_t items, int64_t wide, int64_t narrow, int64_t capacity)
        : memory(items + narrow),
          lines(reinterpret_cast<PanelLine*>(memory.data())),
          narrow_lines(memory.data() + narrow),
          wide_lines(wide),
          hits(kStripe),
          seen(items),
          keys(kRows * capacity) {
        std::fill_n(memory.data(), items + narrow, NarrowLine{});
        touched.reserve(items);
    }

    Aligned<NarrowLine> memory;        // of all lines; all 0 between panels
    PanelLine* lines;                  // by label, up to `narrow`
    NarrowLine* narrow_lines;          // by label, from there on
    std::vector<WideLine> wide_lines;  // what may outgrow them
    std::vector<PanelHit> hits;
    std::vector<unsigned char> seen;
    std::vector<uint32_t> touched;
    // Of the panel's own rows:
    std::vector<uint64_t> keys;
    Best best[kRows];
    PanelRows rows;
};

template <class T, class I>
CooccurrencePanels::CooccurrencePanels(const CsrView<T, I>& l, int64_t k, int n_threads) : cols_(l.cols), k_(k) {
    relabel(l, resolve_threads(n_threads));
    collect_visits(resolve_threads(n_threads));
    sum_squares_.resize(items_);
    own_low_.resize(items_);
    for (std::size_t i = 0; i < own_low_.size(); ++i) own_low_[i] = ~column_of_[i];
    locks_ = std::vector<std::mutex>(items_ / kStripe + 1);
    if (k_ == 0) return;
    // Room for twice k, so that the search for the k best of them is rare; a row has less than items_ entries.
    capacity_ = std::min(2 * k_ + 16, items_);
    keys_.reset(new uint64_t[items_ * capacity_]);
    best_.resize(items_);
    for (int64_t i = 0; i < items_; ++i) best_[i].keys = keys_.get() + i * capacity_;
    bar_.resize(items_, 1);
    low_.resize(items_);
}

CooccurrencePanels::~CooccurrencePanels() = default;

void CooccurrencePanels::add(int64_t first, int64_t last, int n_threads) {
    const int threads =
        static_cast<int>(std::max<int64_t>(1, std::min<int64_t>(resolve_threads(n_threads), last - first)));
    while (std::ssize(workers_) < threads)
        workers_.push_back(std::make_unique<Worker>(items_, wide_, narrow_, capacity_));
    parallel_for(threads, last - first, [&](int64_t task, int t) {
        Worker& worker = *workers_[t];
        count(first + task, worker);
        drain(first + task, worker, items_ / threads * t);
    });
}

void CooccurrencePanels::count(int64_t panel, Worker& worker) const {
    const int64_t at = panel;
    PanelLine* lines = worker.lines;
    for (int64_t from = visits_begin_[at]; from < visits_begin_[at + 1]; from += kMost16) {
        const int64_t n = std::min(visits_begin_[at + 1] - from, kMost16);
        const PanelVisit* visits = visits_.data() + from;
        panel_table().count(lines, worker.narrow_lines, visits, n, users_.data(), labels_.data());
        // A count grows by at most 1 a visit, so 65,535 visits fit 16 bits. After these the lines of the few items
        // whose counts may become larger are emptied into wide ones.
        for (int64_t j = panel * kRows; j < wide_; ++j) {
            for (int64_t r = 0; r < kRows; ++r) worker.wide_lines[j].at[r] += lines[j].at[r];
            lines[j] = PanelLine{};
        }
    }
    if (!listed_[at]) return;  // drain() walks all lines
    for (int64_t v = visits_begin_[at]; v < visits_begin_[at + 1]; ++v) {
        const PanelVisit& visit = visits_.data()[v];
        const PanelUser& user = users_[visit.user];
        for (uint32_t m = visit.from; m < user.items; ++m) {
            const uint32_t j = labels_.data()[user.begin + m];
            if (worker.seen[j]) continue;
            worker.seen[j] = 1;
            worker.touched.push_back(j);
        }
    }
}

void CooccurrencePanels::offer(Best& best, uint64_t key) const {
    // Keys are kept in no order until there are some 2 k of them; then the k largest stay. That is a few steps a key
    // where a heap would take log k, and most keys are turned away by `worst` in any case.
    if (key <= best.worst) return;
    best.keys[best.size++] = key;
    if (best.size < capacity_ || best.size <= k_) return;
    std::nth_element(best.keys, best.keys + k_ - 1, best.keys + best.size, std::greater<>());
    best.size = k_;
    best.worst = best.keys[k_ - 1];
}

void CooccurrencePanels::offer_to_row(Worker& worker, int64_t r, uint32_t x, int64_t j) const {
    offer(worker.best[r], key_of(x, own_low_[j]));
    worker.rows.bar[r] = bar_of(worker.best[r].worst);
    worker.rows.low[r] = static_cast<uint32_t>(worker.best[r].worst);
}

void CooccurrencePanels::offer_to_column(uint64_t key, int64_t j) {
    const int64_t at = j;
    offer(best_[at], key);
    bar_[at] = bar_of(best_[at].worst);
    low_[at] = static_cast<uint32_t>(best_[at].worst);
}

// A line among the panel's own columns, which counts for its rows only, or one of counts that may be wide.
void CooccurrencePanels::drain_slowly(int64_t panel, Worker& worker, int64_t j) {
    const int64_t first = panel * kRows;
    const int64_t last = std::min(first + kRows, items_);
    uint64_t sum = 0;
    for (int64_t r = 0; r < last - first; ++r) {
        uint32_t x = j < narrow_ ? worker.lines[j].at[r] : worker.narrow_lines[j].at[r];
        if (j < wide_) x += std::exchange(worker.wide_lines[j].at[r], 0u);
        if (x == 0 || j == first + r) continue;
        sum += uint64_t{x} * x;
        worker.rows.sum_squares[r] += uint64_t{x} * x;
        if (k_ == 0) continue;
        offer_to_row(worker, r, x, j);
        if (j >= last) offer_to_column(key_of(x, worker.rows.own_low[r]), j);
    }
    if (j >= last) sum_squares_[j] += sum;
    if (j < narrow_)
        worker.lines[j] = PanelLine{};
    else
        worker.narrow_lines[j] = NarrowLine{};
}

// n lines of the stripe that `from` is in: those of `which`, or if that is null, from `from` on.
void CooccurrencePanels::drain_stripe(int64_t panel, Worker& worker, int64_t from, const uint32_t* which, int64_t n) {
    const int64_t slow = std::max((panel + 1) * kRows, wide_);
    for (; n > 0 && (which ? (*which) : from) < slow; --n) {
        drain_slowly(panel, worker, which ? (*which++) : from++);
    }
    const PanelColumns columns{k_ > 0 ? bar_.data() : nullptr, low_.data(), own_low_.data(), sum_squares_.data()};
    const auto scan_lines = [&](auto* lines, auto scan) {
        const int64_t found = scan(lines, from, which, n, worker.rows, columns, worker.hits.data());
        for (int64_t h = 0; h < found; ++h) {
            const PanelHit& hit = worker.hits[h];
            auto& line = lines[hit.line];
            for (uint32_t mask = hit.rows; mask; mask &= mask - 1) {
                const int r = std::countr_zero(mask);
                offer_to_row(worker, r, line.at[r], hit.line);
            }
            for (uint32_t mask = hit.column; mask; mask &= mask - 1) {
                const int r = std::countr_zero(mask);
                offer_to_column(key_of(line.at[r], worker.rows.own_low[r]), hit.line);
            }
            line = {};
        }
    };
    if (from < narrow_)
        scan_lines(worker.lines, panel_table().scan);
    else
        scan_lines(worker.narrow_lines, panel_table().scan_narrow);
}

void CooccurrencePanels::drain(int64_t panel, Worker& worker, int64_t start) {
    const int64_t first = panel * kRows;
    const int64_t rows = std::min(kRows, items_ - first);
    // Of the triangle above the diagonal: the panel's rows take every count, and keep to this thread until the end;
    // the columns to the right take the same counts under the lock of their stripe, since other panels add to them too.
    worker.rows = PanelRows{};
    std::fill_n(worker.rows.bar, kRows, uint16_t{1});
    for (int64_t r = 0; r < rows; ++r) {
        worker.best[r] = Best{worker.keys.data() + r * capacity_};
        worker.rows.own_low[r] = own_low_[first + r];
    }
    // Threads begin at different stripes, so that they seldom wait for each other.
    const int64_t low_stripe = first / kStripe;
    const int64_t stripes = (items_ - 1) / kStripe + 1 - low_stripe;
    const bool listed = listed_[panel];
    if (listed) std::sort(worker.touched.begin(), worker.touched.end());
    for (int64_t s = 0; s < stripes; ++s) {
        const int64_t stripe = low_stripe + (s + start / kStripe) % stripes;
        const int64_t begin = std::max(first, stripe * kStripe);
        const int64_t end = std::min(items_, (stripe + 1) * kStripe);
        if (listed) {
            const auto from = std::lower_bound(worker.touched.begin(), worker.touched.end(), begin);
            const auto to = std::lower_bound(from, worker.touched.end(), end);
            if (from == to) continue;
            const std::lock_guard lock(locks_[stripe]);
            drain_stripe(panel, worker, begin, &*from, to - from);
        } else {
            const std::lock_guard lock(locks_[stripe]);
            drain_stripe(panel, worker, begin, nullptr, end - begin);
        }
    }
    for (const uint32_t j : worker.touched) worker.seen[j] = 0;
    worker.touched.clear();
    for (int64_t r = 0; r < rows; ++r) {
        const int64_t i = first + r;
        const std::lock_guard lock(locks_[i / kStripe]);
        sum_squares_[i] += worker.rows.sum_squares[r];
        for (int64_t n = 0; n < worker.best[r].size; ++n) offer_to_column(worker.best[r].keys[n], i);
    }
}

void CooccurrencePanels::sums(double* sum_squares, double* totals) const {
    std::fill_n(sum_squares, cols_, 0.0);
    std::fill_n(totals, cols_, 0.0);
    for (std::size_t i = 0; i < column_of_.size(); ++i) {
        sum_squares[column_of_[i]] = static_cast<double>(sum_squares_[i]);
        totals[column_of_[i]] = static_cast<double>(totals_[i]);
    }
}

void CooccurrencePanels::top_k(int64_t* columns, double* values, int n_threads) {
    std::vector<int64_t> label_of(cols_, -1);
    for (int64_t i = 0; i < items_; ++i) label_of[column_of_[i]] = i;
    const int threads = resolve_threads(n_threads);
    constexpr int64_t kColumns = 64;
    const auto write = [&](int64_t c) {
        int64_t n = 0;
        const int64_t label = label_of[c];
        if (label >= 0) {
            const Best& best = best_[label];
            n = std::min(k_, best.size);
            if (n < best.size) std::nth_element(best.keys, best.keys + n - 1, best.keys + best.size, std::greater<>());
            std::sort(best.keys, best.keys + n, std::greater<>());
            for (int64_t r = 0; r < n; ++r) {
                columns[c * k_ + r] = ~best.keys[r] & 0xffffffffu;
                values[c * k_ + r] = static_cast<double>(best.keys[r] >> 32);
            }
        }
        std::fill(columns + c * k_ + n, columns + (c + 1) * k_, -1);
        std::fill(values + c * k_ + n, values + (c + 1) * k_, 0.0);
    };
    parallel_for(threads, (cols_ + kColumns - 1) / kColumns, [&](int64_t part, int) {
        for (int64_t c = part * kColumns; c < std::min((part + 1) * kColumns, cols_); ++c) write(c);
    });
}

#define MOVIEEMBED_INSTANTIATE(T, I) \
    template CooccurrencePanels::CooccurrencePanels(const CsrView<T, I>&, int64_t, int);
MOVIEEMBED_INSTANTIATE(float, int32_t)
MOVIEEMBED_INSTANTIATE(float, int64_t)
MOVIEEMBED_INSTANTIATE(double, int32_t)
MOVIEEMBED_INSTANTIATE(double, int64_t)

}  // namespace movieembed
