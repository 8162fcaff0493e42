// One kernel, once, with one thread: what instructions.py counts the instructions of.
//
//     instructions KERNEL      prints the units of work that the kernel did
//     instructions             prints the kernels
//
// BLAS is a plain one whose instructions the caller leaves out; its calls are still made.
#include <cstdio>
#include <functional>
#include <map>
#include <string>

#include "cooccurrence/cooccurrence.hpp"
#include "cooccurrence/cooccurrence_panels.hpp"
#include "cooccurrence/sum_of_squares.hpp"
#include "dense/dense.hpp"
#include "driver.hpp"
#include "core/isa.hpp"
#include "product/likes_product.hpp"
#include "neighbors/neighbors.hpp"
#include "dense/residual.hpp"

// Counting is on inside this function and off inside those of the namespace.
extern "C" __attribute__((noinline)) void counted(const std::function<void()>& kernel) { kernel(); }

namespace uncounted {

template <class T>
__attribute__((noinline)) void gemm(char* ta, char* tb, int* m, int* n, int* k, T* alpha, T* a, int* lda, T* b,
                                    int* ldb, T* beta, T* c, int* ldc) {
    driver::plain_gemm(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

template <class T>
__attribute__((noinline)) void syrk(char* uplo, char* trans, int* n, int* k, T* alpha, T* a, int* lda, T* beta, T* c,
                                    int* ldc) {
    driver::plain_syrk(uplo, trans, n, k, alpha, a, lda, beta, c, ldc);
}

template <class T>
__attribute__((noinline)) void gemv(char* trans, int* m, int* n, T* alpha, T* a, int* lda, T* x, int* incx, T* beta,
                                    T* y, int* incy) {
    driver::plain_gemv(trans, m, n, alpha, a, lda, x, incx, beta, y, incy);
}

}  // namespace uncounted

namespace {

using namespace movieembed;
using std::int64_t;

// Prepares, calls counted(), and returns the units of work.
using Kernel = std::function<double()>;

const auto& likes() {
    static const auto l = driver::skewed_likes<float, std::int32_t>(2000, 1500, false, 1);
    return l;
}

double pairs() {
    double sum = 0;
    for (int64_t u = 0; u < likes().rows; ++u) {
        const auto n = static_cast<double>(likes().view().end(u) - likes().view().begin(u));
        sum += n * n;
    }
    return sum;
}

Kernel product(int64_t d, bool transposed_only) {
    return [=] {
        const LikesProduct<float, std::int32_t> op(likes().view(), 1);
        const int64_t rows = transposed_only ? likes().rows : likes().cols;
        const auto v = driver::Random(2).numbers<float>(rows * d);
        std::vector<float> out(static_cast<std::size_t>(likes().cols * d));
        const auto run = [&] {
            if (transposed_only)
                op.to_items(v.data(), d, d, out.data(), d, 1);
            else
                op.apply(v.data(), d, d, out.data(), d, 1);
        };
        run();  // the first makes the scratch
        counted(run);
        return static_cast<double>(likes().indices.size()) * static_cast<double>(d) * (transposed_only ? 1 : 2);
    };
}

// Users as rows: the work is that of the items' half, L' times as many columns.
double sparse_rows() {
    const int64_t d = 64;
    const auto& l = likes();
    const LikesProduct<float, std::int32_t> op(l.view(), 1);
    const CsrView<float, std::int32_t> rows{d, l.cols, l.indptr.data(), l.indices.data(), nullptr};
    std::vector<float> out(static_cast<std::size_t>(l.cols * d));
    const auto run = [&] { op.apply_rows(rows, nullptr, out.data(), d, 1); };
    run();
    counted(run);
    return static_cast<double>(l.indices.size()) * static_cast<double>(d);
}

double entries_of_x() {
    const auto& l = likes();
    const auto lt = l.transposed();
    const UserBits users = user_bits(l.view());
    std::vector<int64_t> indptr(static_cast<std::size_t>(l.cols) + 1);
    std::vector<std::int32_t> indices;
    std::vector<int64_t> data;
    counted([&] {
        cooccurrence_row_nnz(l.view(), lt.view(), users, 0, l.cols, indptr.data() + 1, 1);
        for (std::size_t i = 0; i < static_cast<std::size_t>(l.cols); ++i) indptr[i + 1] += indptr[i];
        indices.resize(static_cast<std::size_t>(indptr.back()));
        data.resize(indices.size());
        cooccurrence_rows(l.view(), lt.view(), users, 0, l.cols, indptr.data(), indices.data(), data.data(), 1);
    });
    return pairs();
}

Kernel panels(int64_t k) {
    return [=] {
        std::vector<double> sums(static_cast<std::size_t>(2 * likes().cols));
        std::vector<int64_t> columns(static_cast<std::size_t>(k * likes().cols));
        std::vector<double> values(columns.size());
        counted([&] {
            CooccurrencePanels panels(likes().view(), k, 1);
            panels.add(0, std::ssize(panels.work()), 1);
            panels.sums(sums.data(), sums.data() + likes().cols);
            if (k) panels.top_k(columns.data(), values.data(), 1);
        });
        return pairs() / 2;
    };
}

double sum_of_squares() {
    const auto l = likes().view();
    counted([&] { cooccurrence_sum_of_squares(l, 1); });
    return pairs() / 2;
}

double sums_of_weights() {
    const auto l = driver::skewed_likes<float, std::int32_t>(2000, 1500, true, 1);
    const auto lt = l.transposed();
    std::vector<double> squares(static_cast<std::size_t>(l.cols)), totals(squares.size());
    counted([&] { cooccurrence_row_sums(l.view(), lt.view(), 0, l.cols, squares.data(), totals.data(), 1); });
    return pairs();
}

double residuals() {
    const auto lt = likes().transposed();
    const int64_t rows = 300;
    auto p = driver::Random(3).numbers<double>(rows * likes().cols);
    std::vector<double> squares(static_cast<std::size_t>(rows));
    double work = static_cast<double>(p.size());
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t k = lt.view().begin(r); k < lt.view().end(r); ++k) {
            const auto u = lt.view().indices[k];
            work += static_cast<double>(likes().view().end(u) - likes().view().begin(u));
        }
    counted([&] { residual_rows(likes().view(), lt.view(), 0, rows, p.data(), squares.data(), 1); });
    return work;
}

constexpr int64_t kRows = 4000, kColumns = 64;

Tall<const float> tall(const std::vector<float>& x) { return {x.data(), kRows, kColumns, kColumns}; }

Kernel dense(std::function<void(const std::vector<float>&, std::vector<float>&)> kernel) {
    return [=] {
        const auto a = driver::Random(4).numbers<float>(kRows * kColumns);
        auto out = a;
        counted([&] { kernel(a, out); });
        return static_cast<double>(kRows * kColumns);
    };
}

double neighbors() {
    const int64_t n = 1500, d = 16, k = 11;
    const auto v = driver::Random(5).numbers<float>(n * d);
    const Tall<const float> items{v.data(), n, d, d};
    const std::vector<int64_t> pointers(static_cast<std::size_t>(n) + 1);
    std::vector<int64_t> rows(static_cast<std::size_t>(n * k));
    std::vector<float> scores(rows.size());
    counted([&] { top_k_products(items, items, k, pointers.data(), pointers.data(), rows.data(), scores.data(), 1); });
    return static_cast<double>(n * n);
}

double best_of_columns() {
    const int64_t columns = 64, k = 11;
    const auto scores = driver::Random(6).numbers<float>(kRows * columns);
    const std::vector<int64_t> pointers(static_cast<std::size_t>(columns) + 1);
    std::vector<int64_t> rows(static_cast<std::size_t>(columns * k));
    std::vector<float> best(rows.size());
    counted([&] {
        top_k_columns<float>(Tall<const float>{scores.data(), kRows, columns, columns}, nullptr, k, pointers.data(),
                             pointers.data(), rows.data(), best.data(), 1);
    });
    return static_cast<double>(kRows * columns);
}

const std::vector<double>& per_row() {
    static const std::vector<double> w(kRows, 0.5);
    return w;
}

const std::map<std::string, Kernel>& kernels() {
    static const std::vector<float> small(kColumns * kColumns, 0.25F);
    static std::vector<double> gram(kColumns * kColumns), rows(kRows), theta(kColumns, 1.5);
    const auto out_of = [](std::vector<float>& x) { return Tall<float>{x.data(), kRows, kColumns, kColumns}; };
    static const std::map<std::string, Kernel> all{
        {"XV, d = 64", product(64, false)},
        {"XV, d = 10", product(10, false)},
        {"L'U, d = 64", product(64, true)},
        {"X of sparse rows", sparse_rows},
        {"X", entries_of_x},
        {"row sums of X", panels(0)},
        {"top 100 of X", panels(100)},
        {"row sums of X of weights", sums_of_weights},
        {"sum of squares of X", sum_of_squares},
        {"residuals", residuals},
        {"masked gradient", dense([=](const auto& a, auto& out) {
             masked_gradient(tall(a), tall(a), small.data(), per_row().data(), out_of(out), rows.data(), 1);
         })},
        {"moments", dense([](const auto& a, auto&) { moments(tall(a), gram.data(), rows.data(), 1); })},
        {"tall Gram matrix", dense([](const auto& a, auto&) { tall_gram(tall(a), tall(a), nullptr, gram.data(), 1); })},
        {"tall times small", dense([=](const auto& a, auto& out) {
             tall_times_small(tall(a), small.data(), kColumns, out_of(out), false, 1);
         })},
        {"residual of eigenvectors", dense([=](const auto& a, auto& out) {
             eigen_residual(tall(a), tall(a), per_row().data(), theta.data(), 1.0, out_of(out), 1);
         })},
        {"row dots", dense([](const auto& a, auto&) { row_dots(tall(a), tall(a), rows.data(), 1); })},
        {"nearest neighbours", neighbors},
        {"best of columns", best_of_columns},
    };
    return all;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        for (const auto& [name, kernel] : kernels()) std::puts(name.c_str());
        return 0;
    }
    // Of the instruction sets that valgrind knows, the best.
    if (!use_gather_isa("avx2") && !use_gather_isa("baseline")) return 1;
    blas<float> = {&uncounted::gemm<float>, &uncounted::syrk<float>, &uncounted::gemv<float>};
    blas<double> = {&uncounted::gemm<double>, &uncounted::syrk<double>, &uncounted::gemv<double>};
    const auto found = kernels().find(argv[1]);
    if (found == kernels().end()) {
        std::fprintf(stderr, "no kernel named %s\n", argv[1]);
        return 1;
    }
    std::printf("%s %.0f\n", gather_isa().c_str(), found->second());
    return 0;
}
