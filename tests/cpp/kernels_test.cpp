// Every kernel against its definition, without Python: for ThreadSanitizer, which wants a whole program.
//
// Each is called at several thread counts, from one thread and from several at once, over every instruction set
// of the machine; results must be right and have the same bits throughout. With any argument it runs a race and
// nothing else.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>

#include "cooccurrence/cooccurrence.hpp"
#include "cooccurrence/cooccurrence_panels.hpp"
#include "cooccurrence/sum_of_squares.hpp"
#include "dense/dense.hpp"
#include "checks.hpp"
#include "core/isa.hpp"
#include "product/likes_product.hpp"
#include "neighbors/neighbors.hpp"
#include "dense/residual.hpp"
#include "core/parallel.hpp"

namespace {

using namespace checks;

// The likes of the first five items, and of the others those of one user in 150.
template <class T, class I>
auto with_rare_items(const driver::Matrix<T, I>& l) {
    driver::Matrix<T, I> out;
    out.rows = l.rows;
    out.cols = l.cols;
    for (int64_t u = 0; u < l.rows; ++u) {
        for (auto k = static_cast<size_t>(l.indptr[u]); k < static_cast<size_t>(l.indptr[u + 1]); ++k) {
            if (l.indices[k] >= 5 && u % 150 != 0) continue;
            out.indices.push_back(l.indices[k]);
            if (!l.values.empty()) out.values.push_back(l.values[k]);
        }
        out.indptr.push_back(static_cast<I>(out.indices.size()));
    }
    return out;
}

template <class T, class I>
void test_product(bool weighted) {
    // More users than a block has; items that sparse rows take as dense, and others.
    const auto l = with_rare_items(driver::skewed_likes<T, I>(17000, 40, weighted, 1));
    const std::vector<double> a = dense(l);
    const std::vector<double> x = gram(a, l.cols, a, l.cols);
    LikesProduct<T, I> product(l.view(), 2);
    std::vector<double> diagonal;
    for (int64_t i = 0; i < l.cols; ++i) diagonal.push_back(x[static_cast<size_t>(i * l.cols + i)]);
    close(product.squares(), diagonal, 1e-9, "squares");
    for (const int64_t d : {1, 17, 70}) {
        Random random(static_cast<std::uint64_t>(d));
        const std::vector<T> v = random.numbers<T>(l.cols * d), u = random.numbers<T>(l.rows * d);
        std::vector<double> exact = times(x, l.cols, in_float64(v), d);
        for (int64_t i = 0; i < l.cols; ++i)
            for (int64_t j = 0; j < d; ++j)
                exact[static_cast<size_t>(i * d + j)] -=
                    diagonal[static_cast<size_t>(i)] * static_cast<double>(v[static_cast<size_t>(i * d + j)]);
        double norm = 0;
        for (const double y : times(a, l.cols, in_float64(v), d)) norm += y * y;
        const std::vector<double> back = gram(a, l.cols, in_float64(u), d);
        // V' as sparse rows that hold all of it.
        std::vector<I> pointers, indices;
        std::vector<T> turned;
        for (int64_t j = 0; j < d; ++j) {
            pointers.push_back(static_cast<I>(j * l.cols));
            for (int64_t i = 0; i < l.cols; ++i) {
                indices.push_back(static_cast<I>(i));
                turned.push_back(v[static_cast<size_t>(i * d + j)]);
            }
        }
        pointers.push_back(static_cast<I>(d * l.cols));
        const CsrView<T, I> rows{d, l.cols, pointers.data(), indices.data(), turned.data()};
        SameBits<T> same_apply, same_back, same_rows;
        each_way([&](int n) {
            std::vector<T> out(v.size()), items(v.size());
            const double squares = product.apply(v.data(), d, d, out.data(), d, n);
            close(out, exact, rounding<T>(1e5), "XV");
            check(std::abs(squares - norm) <= rounding<T>(100 * norm), "|LV|^2");
            check(product.squared_norm(v.data(), d, d, n) == squares, "|LV|^2 alone");
            std::vector<T> of_rows(v.size());
            product.apply_rows(rows, nullptr, of_rows.data(), d, n);
            close(of_rows, exact, rounding<T>(1e5), "X of sparse rows");
            same_rows(of_rows, "X of sparse rows");
            product.to_items(u.data(), d, d, items.data(), d, n);
            close(items, back, rounding<T>(17000), "L'U");
            same_apply(out, "XV");
            same_back(items, "L'U");
        });
    }
}

// The k best of each row, from X dense; pairs that nobody has are no entries.
void best_of_rows(const std::vector<double>& x, const std::vector<double>& met, int64_t n, int64_t k,
                  std::vector<int64_t>& columns, std::vector<double>& values) {
    columns.assign(static_cast<size_t>(n * k), -1);
    values.assign(static_cast<size_t>(n * k), 0);
    for (int64_t i = 0; i < n; ++i) {
        std::vector<std::pair<double, int64_t>> row;
        for (int64_t j = 0; j < n; ++j)
            if (i != j && met[static_cast<size_t>(i * n + j)] > 0)
                row.emplace_back(-x[static_cast<size_t>(i * n + j)], j);
        std::sort(row.begin(), row.end());
        for (size_t r = 0; r < std::min(row.size(), static_cast<size_t>(k)); ++r) {
            columns[static_cast<size_t>(i * k) + r] = row[r].second;
            values[static_cast<size_t>(i * k) + r] = -row[r].first;
        }
    }
}

template <class T, class I>
void test_cooccurrence(bool weighted) {
    const auto l = driver::skewed_likes<T, I>(300, 130, weighted, 2);
    const auto lt = l.transposed();
    const int64_t n = l.cols, k = 9;
    auto ones = l;
    ones.values.clear();
    std::vector<double> x = gram(dense(l), n, dense(l), n), met = gram(dense(ones), n, dense(ones), n);
    std::vector<double> squares, totals;
    for (int64_t i = 0; i < n; ++i) {
        x[static_cast<size_t>(i * n + i)] = 0;
        squares.push_back(0);
        totals.push_back(0);
        for (int64_t j = 0; j < n; ++j) {
            const double entry = x[static_cast<size_t>(i * n + j)];
            squares.back() += entry * entry;
            totals.back() += entry;
        }
    }
    std::vector<int64_t> best_columns;
    std::vector<double> best_values;
    best_of_rows(x, met, n, k, best_columns, best_values);
    Random random(3);
    const std::vector<double> p = random.numbers<double>(40 * n);

    SameBits<double> same_sums, same_best;
    each_way([&](int threads) {
        const auto lv = l.view(), ltv = lt.view();
        for (const bool bits : {true, false}) {
            const UserBits users = bits ? user_bits(lv) : UserBits();
            std::vector<int64_t> indptr(static_cast<size_t>(n) + 1);
            cooccurrence_row_nnz(lv, ltv, users, 0, n, indptr.data() + 1, threads);
            for (size_t i = 0; i < static_cast<size_t>(n); ++i) indptr[i + 1] += indptr[i];
            std::vector<I> indices(static_cast<size_t>(indptr.back()));
            const auto compare = [&](const auto& data) {
                std::vector<double> found(x.size());
                bool ascending = true;
                for (int64_t i = 0; i < n; ++i)
                    for (int64_t e = indptr[static_cast<size_t>(i)]; e < indptr[static_cast<size_t>(i) + 1]; ++e) {
                        const int64_t j = indices[static_cast<size_t>(e)];
                        ascending &= e == indptr[static_cast<size_t>(i)] || indices[static_cast<size_t>(e) - 1] < j;
                        found[static_cast<size_t>(i * n + j)] = static_cast<double>(data[static_cast<size_t>(e)]);
                    }
                check(ascending, "columns of X");
                close(found, x, weighted ? 1e-9 : 0, "X");
            };
            if (weighted) {
                std::vector<double> data(indices.size());
                cooccurrence_rows(lv, ltv, users, 0, n, indptr.data(), indices.data(), data.data(), threads);
                compare(data);
            } else {
                std::vector<int64_t> data(indices.size());
                cooccurrence_rows(lv, ltv, users, 0, n, indptr.data(), indices.data(), data.data(), threads);
                compare(data);
            }
        }
        std::vector<double> s(static_cast<size_t>(n)), t(static_cast<size_t>(n));
        cooccurrence_row_sums(lv, ltv, 0, n, s.data(), t.data(), threads);
        close(s, squares, 1e-6, "row sums of squares");
        close(t, totals, 1e-9, "row sums");
        same_sums(s, "row sums");

        std::vector<int64_t> columns(best_columns.size());
        std::vector<double> values(best_values.size());
        cooccurrence_top_k(lv, ltv, 0, n, k, columns.data(), values.data(), threads);
        check(columns == best_columns, "columns of the top k");
        close(values, best_values, 1e-9, "top k");
        same_best(values, "top k");

        if (!weighted) {
            CooccurrencePanels panels(lv, k, threads);
            const int64_t count = std::ssize(panels.work());
            panels.add(0, count / 2, threads);
            panels.add(count / 2, count, threads);
            panels.sums(s.data(), t.data());
            panels.top_k(columns.data(), values.data(), threads);
            close(s, squares, 0, "row sums of squares by panels");
            close(t, totals, 0, "row sums by panels");
            check(columns == best_columns && values == best_values, "top k by panels");
            const double sum = std::accumulate(squares.begin(), squares.end(), 0.0);
            check(cooccurrence_sum_of_squares(lv, threads) == sum, "sum of squares");
        }

        std::vector<double> residuals = p, row_squares(40);
        residual_rows(lv, ltv, 11, 40, residuals.data(), row_squares.data(), threads);
        std::vector<double> exact = p, exact_squares(40);
        for (int64_t r = 0; r < 40; ++r)
            for (int64_t j = 0; j < n; ++j) {
                double& e = exact[static_cast<size_t>(r * n + j)];
                e = j == r + 11 ? 0 : e - x[static_cast<size_t>((r + 11) * n + j)];
                exact_squares[static_cast<size_t>(r)] += e * e;
            }
        close(residuals, exact, 1e-9, "residuals");
        close(row_squares, exact_squares, 1e-6, "squares of residuals");
    });
}

template <class T>
void test_dense() {
    const int64_t n = 5000, p = 20, q = 11;
    Random random(4);
    const std::vector<T> a = random.numbers<T>(n * p), xa = random.numbers<T>(n * p), b = random.numbers<T>(n * q),
                         c = random.numbers<T>(p * q);
    std::vector<double> w(static_cast<size_t>(n)), norms(w.size()), dots(w.size()), theta = random.numbers<double>(p);
    for (double& weight : w) weight = random.uniform();
    const std::vector<double> a64 = in_float64(a), xa64 = in_float64(xa), b64 = in_float64(b);
    std::vector<double> weighted = a64, shifted = a64;
    for (size_t i = 0; i < a64.size(); ++i) {
        const size_t row = i / static_cast<size_t>(p), col = i % static_cast<size_t>(p);
        norms[row] += a64[i] * a64[i];
        dots[row] += a64[i] * xa64[i];
        weighted[i] *= w[row];
        shifted[i] = 0.5 * (xa64[i] + (w[row] - theta[col]) * a64[i]);
    }
    std::vector<T> g(static_cast<size_t>(p * p));
    const std::vector<double> own = gram(a64, p, a64, p);
    std::copy(own.begin(), own.end(), g.begin());
    for (size_t i = 0; i < g.size(); ++i) g[i] = static_cast<T>(own[i]);
    std::vector<double> gradient = times(a64, p, own, p);
    for (size_t i = 0; i < gradient.size(); ++i)
        gradient[i] = 4 * (gradient[i] - xa64[i] - norms[i / static_cast<size_t>(p)] * a64[i]);
    std::vector<double> sum = times(a64, p, in_float64(c), q);
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += b64[i];

    SameBits<double> same_cross, same_squares;
    each_way([&](int threads) {
        std::vector<T> added = b;
        tall_times_small(tall(a, p), c.data(), q, tall(added, q), true, threads);
        close(added, sum, rounding<T>(10), "AC");

        std::vector<double> cross(static_cast<size_t>(p * q)), square(static_cast<size_t>(p * p));
        tall_gram(tall(a, p), tall(b, q), nullptr, cross.data(), threads);
        close(cross, gram(a64, p, b64, q), rounding<T>(1000), "A'B");
        same_cross(cross, "A'B");
        tall_gram(tall(a, p), Tall<const T>{}, w.data(), square.data(), threads);
        close(square, gram(weighted, p, a64, p), rounding<T>(1000), "A' diag(w) A");
        tall_gram(tall(a, p), tall(a, p), nullptr, square.data(), threads);
        close(square, own, rounding<T>(1000), "A'A");

        std::vector<T> r(a.size());
        eigen_residual(tall(a, p), tall(xa, p), w.data(), theta.data(), 0.5, tall(r, p), threads);
        close(r, shifted, rounding<T>(2), "residual");

        std::vector<double> lengths(w.size());
        moments(tall(a, p), square.data(), lengths.data(), threads);
        close(square, own, 1e-9, "moments");
        close(lengths, norms, 1e-12, "norms");
        masked_gradient(tall(a, p), tall(xa, p), g.data(), norms.data(), tall(r, p), lengths.data(), threads);
        close(r, gradient, rounding<T>(1e4), "gradient");
        same_squares(lengths, "squares of the gradient");
        row_dots(tall(a, p), tall(xa, p), lengths.data(), threads);
        close(lengths, dots, 1e-12, "row dots");
    });
}

template <class T>
void test_neighbors() {
    const int64_t queries = 900, items = 700, d = 6, k = 5;
    Random random(5);
    std::vector<T> numbers_of_queries, numbers_of_items;  // small integers: exact, and many ties
    for (int64_t i = 0; i < queries * d; ++i) numbers_of_queries.push_back(static_cast<T>(random.below(5) - 2));
    for (int64_t i = 0; i < items * d; ++i) numbers_of_items.push_back(static_cast<T>(random.below(5) - 2));
    const auto &q = numbers_of_queries, &v = numbers_of_items;
    std::vector<int64_t> pointers{0}, excluded, exact_rows;
    std::vector<T> exact_scores;
    for (int64_t i = 0; i < queries; ++i) {
        std::vector<std::pair<T, int64_t>> left;
        for (int64_t j = 0; j < items; ++j) {
            if (random.uniform() < (i % 100 == 7 ? 0.998 : 0.1)) {
                excluded.push_back(j);
                continue;
            }
            T score = 0;
            for (int64_t c = 0; c < d; ++c)
                score += q[static_cast<size_t>(i * d + c)] * v[static_cast<size_t>(j * d + c)];
            left.emplace_back(-score, j);
        }
        pointers.push_back(std::ssize(excluded));
        std::sort(left.begin(), left.end());
        for (size_t r = 0; r < static_cast<size_t>(k); ++r) {
            exact_rows.push_back(r < left.size() ? left[r].second : -1);
            exact_scores.push_back(r < left.size() ? -left[r].first : -std::numeric_limits<T>::infinity());
        }
    }
    std::vector<T> by_item;
    for (const double x : times(in_float64(v), d, turned(in_float64(q), d), queries))
        by_item.push_back(static_cast<T>(x));
    const auto& products = by_item;
    each_way([&](int threads) {
        std::vector<int64_t> rows(exact_rows.size());
        std::vector<T> scores(exact_scores.size());
        top_k_products(tall(q, d), tall(v, d), k, pointers.data(), excluded.data(), rows.data(), scores.data(),
                       threads);
        check(rows == exact_rows && scores == exact_scores, "top k products");
        rows.assign(rows.size(), -7);
        top_k_columns<T>(tall(products, queries), nullptr, k, pointers.data(), excluded.data(), rows.data(),
                         scores.data(), threads);
        check(rows == exact_rows && scores == exact_scores, "top k of columns");
    });
}

void test_parallel() {
    each_way([](int threads) {
        std::vector<int> seen(1000);
        parallel_for(threads, 1000, [&](int64_t task, int worker) {
            check(worker < threads, "worker number");
            ++seen[static_cast<size_t>(task)];
        });
        check(std::all_of(seen.begin(), seen.end(), [](int n) { return n == 1; }), "each task once");
        std::string message;
        try {
            parallel_for(threads, 100, [&](int64_t task, int) {
                if (task == 41) throw std::runtime_error("41");
            });
        } catch (const std::runtime_error& error) {
            message = error.what();
        }
        check(message == "41", "an exception reaches the caller");
        std::atomic<int> inner{0};
        parallel_for(threads, 4, [&](int64_t, int) { parallel_for(threads, 5, [&](int64_t, int) { ++inner; }); });
        check(inner == 20, "a region within a region");
    });
}

// A race between two threads, so that a run that finds none can be trusted. They wait for each other in a way
// that does not order their increments.
int seed_race() {
    std::atomic<int> here{0};
    volatile int count = 0;
    parallel_for(2, 2, [&](int64_t, int) {
        here.fetch_add(1, std::memory_order_relaxed);
        for (int i = 0; i < 10'000 && here.load(std::memory_order_relaxed) < 2; ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        count = count + 1;
    });
    std::printf("%d threads, %d increments\n", here.load(), count);
    return 0;
}

template <class T, class I>
void test_sparse() {
    for (const bool weighted : {false, true}) {
        test_product<T, I>(weighted);
        test_cooccurrence<T, I>(weighted);
    }
}

}  // namespace

int main(int argc, char**) {
    if (argc > 1) return seed_race();
    set_parallel_threshold(0);
    driver::use_plain_blas();
    test_parallel();
    test_dense<float>();
    test_dense<double>();
    test_neighbors<float>();
    test_neighbors<double>();
    for (const std::string& isa : gather_isas()) {
        use_gather_isa(isa);
        test_sparse<float, std::int32_t>();
        test_sparse<float, std::int64_t>();
        test_sparse<double, std::int32_t>();
        test_sparse<double, std::int64_t>();
    }
    std::printf("%d checks, %d failed\n", done.load(), failures.load());
    return failures == 0 ? 0 : 1;
}
