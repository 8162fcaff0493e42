// How CooccurrencePanels lays out the likes before it counts: items numbered by popularity, and the visits of users to
// panels. Cost: O(nnz), beside a sort of each user's items, done on bits.
#include "cooccurrence/cooccurrence_panels.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "core/parallel.hpp"

namespace movieembed {
namespace {

constexpr int64_t kRows = kPanelRows;

// Sorts a user's labels by setting a bit for each: std::sort mispredicts a branch every few comparisons.
class LabelSort {
public:
    explicit LabelSort(int64_t items) : bits_(items / 64 + 1), used_(items / 4096 + 1) {}

    void operator()(uint32_t* labels, int64_t n) {
        for (int64_t m = 0; m < n; ++m) {
            const uint32_t word = labels[m] / 64;
            bits_[word] |= uint64_t{1} << (labels[m] % 64);
            used_[word / 64] |= uint64_t{1} << (word % 64);
        }
        const uint32_t* end = labels + n;
        for (std::size_t at = 0; labels != end; ++at)
            for (uint64_t used = std::exchange(used_[at], 0u); used; used &= used - 1) {
                const auto word = static_cast<uint32_t>(64 * at) + static_cast<uint32_t>(std::countr_zero(used));
                for (uint64_t bits = std::exchange(bits_[word], 0u); bits; bits &= bits - 1)
                    *labels++ = 64 * word + static_cast<uint32_t>(std::countr_zero(bits));
            }
    }

private:
    std::vector<uint64_t> bits_, used_;  // used_: which words of bits_ are not 0
};

}  // namespace

template <class T, class I>
void CooccurrencePanels::relabel(const CsrView<T, I>& l, int threads) {
    const auto for_users = [&](auto f) {  // calls f(user, worker)
        constexpr int64_t kUsers = 256;
        parallel_for(threads, (l.rows + kUsers - 1) / kUsers, [&](int64_t part, int t) {
            for (int64_t u = part * kUsers; u < std::min((part + 1) * kUsers, l.rows); ++u) f(u, t);
        });
    };
    // A user adds to each of their items a like, and to its row of X one for each of their other items.
    struct Tally {
        int64_t likes, total;
    };
    std::vector<std::vector<Tally>> tallies(threads);
    for_users([&](int64_t u, std::size_t t) {
        tallies[t].resize(l.cols);
        Tally* tally = tallies[t].data();
        const int64_t others = l.end(u) - l.begin(u) - 1;
        for (int64_t m = l.begin(u); m < l.end(u); ++m) {
            ++tally[l.indices[m]].likes;
            tally[l.indices[m]].total += others;
        }
    });
    std::vector<int64_t> likes(l.cols), totals(likes.size());
    for (const std::vector<Tally>& tally : tallies)
        for (std::size_t j = 0; j < tally.size(); ++j) {
            likes[j] += tally[j].likes;
            totals[j] += tally[j].total;
        }
    for (std::size_t j = 0; j < likes.size(); ++j)
        if (likes[j] > 0) column_of_.push_back(static_cast<uint32_t>(j));
    std::stable_sort(column_of_.begin(), column_of_.end(), [&](uint32_t a, uint32_t b) { return likes[a] > likes[b]; });
    items_ = column_of_.size();
    if (items_ == 0) return;
    std::vector<uint32_t> label_of(likes.size());
    for (std::size_t i = 0; i < column_of_.size(); ++i) {
        label_of[column_of_[i]] = static_cast<uint32_t>(i);
        totals_.push_back(totals[column_of_[i]]);
        wide_ += likes[column_of_[i]] > kMost16;
        narrow_ += likes[column_of_[i]] > kMost8;
    }
    narrow_ = std::min((narrow_ + kPanelStripe - 1) / kPanelStripe * kPanelStripe, items_);
    users_.resize(l.rows);
    labels_.grow(l.end(l.rows - 1));
    std::vector<LabelSort> sort(threads, LabelSort(items_));
    for_users([&](int64_t u, std::size_t t) {
        uint32_t* labels = labels_.data() + l.begin(u);
        const int64_t n = l.end(u) - l.begin(u);
        for (int64_t m = 0; m < n; ++m) labels[m] = label_of[l.indices[l.begin(u) + m]];
        sort[t](labels, n);
        users_[u] = {l.begin(u), static_cast<uint32_t>(std::lower_bound(labels, labels + n, narrow_) - labels),
                     static_cast<uint32_t>(n)};
    });
}

void CooccurrencePanels::collect_visits(int threads) {
    const int64_t users = users_.size();
    const int64_t panels = (items_ + kRows - 1) / kRows;
    // Calls f(panel, visit) for the visits of users [from, to). The last item of a user meets no other.
    const auto for_visits = [&](int64_t from, int64_t to, auto f) {
        for (int64_t u = from; u < to; ++u) {
            const PanelUser& user = users_[u];
            const uint32_t* labels = labels_.data() + user.begin;
            for (uint32_t m = 0; m + 1 < user.items;) {
                const uint32_t panel = labels[m] / kRows;
                PanelVisit visit{static_cast<uint32_t>(u), m, 0};
                for (; m < user.items && labels[m] / kRows == panel; ++m)
                    visit.mask |= uint32_t{1} << (labels[m] % kRows);
                f(panel, visit);
            }
        }
    };
    // Two passes, a count and a placing, as in a counting sort by panel. Each thread has its own share of the users, of
    // equal likes, and its own place in each panel; so a panel's visits come in the order of users at any thread count.
    std::vector<std::vector<int64_t>> at(threads, std::vector<int64_t>(panels));
    std::vector<std::vector<int64_t>> work = at;
    const int64_t likes = users == 0 ? 0 : users_.back().begin + users_.back().items;
    std::vector<int64_t> share(threads + 1);
    for (int t = 0; t <= threads; ++t)
        share[t] = std::lower_bound(users_.begin(), users_.end(), likes / threads * t,
                                    [](const PanelUser& user, int64_t m) { return user.begin < m; }) -
                   users_.begin();
    share.back() = users;
    parallel_for(threads, threads, [&](int64_t t, int) {
        for_visits(share[t], share[t + 1], [&](uint32_t panel, const PanelVisit& visit) {
            ++at[t][panel];
            work[t][panel] += users_[visit.user].items - visit.from;
        });
    });
    visits_begin_.assign(panels + 1, 0);
    work_.assign(panels, 0);
    int64_t total = 0;
    for (std::size_t p = 0; p < work_.size(); ++p) {
        for (std::size_t t = 0; t < at.size(); ++t) {
            const int64_t n = at[t][p];
            at[t][p] = total;
            total += n;
            work_[p] += work[t][p];
        }
        visits_begin_[p + 1] = total;
        const int64_t lines = items_ - p * kRows;
        listed_.push_back(work_[p] < lines / 16);
        if (!listed_[p]) work_[p] += lines;
    }
    visits_.grow(total);
    parallel_for(threads, threads, [&](int64_t t, int) {
        for_visits(share[t], share[t + 1],
                   [&](uint32_t panel, const PanelVisit& visit) { visits_.data()[at[t][panel]++] = visit; });
    });
}

#define MOVIEEMBED_INSTANTIATE(T, I) template void CooccurrencePanels::relabel(const CsrView<T, I>&, int);
MOVIEEMBED_INSTANTIATE(float, int32_t)
MOVIEEMBED_INSTANTIATE(float, int64_t)
MOVIEEMBED_INSTANTIATE(double, int32_t)
MOVIEEMBED_INSTANTIATE(double, int64_t)

}  // namespace movieembed
