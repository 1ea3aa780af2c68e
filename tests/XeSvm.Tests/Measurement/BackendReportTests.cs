using XeSvm.Measurement;

namespace XeSvm.Tests.Measurement;

public sealed class BackendReportTests
{
    [Fact]
    public void The_software_backends_own_words_are_taken_over()
    {
        BackendReport report = BackendReport.Parse(
            "cpu_faults: full\ncpu_faults_reason: allowed: yes\niommu: lazy\nstrategy: iova\nlayout: runs:8\n");

        Assert.Equal(("full", "lazy", "iova", "runs:8"), (report.CpuFaults, report.Iommu, report.Strategy, report.Layout));
        Assert.Equal("allowed: yes", report.Find("cpu_faults_reason"));
        Assert.True(report.CpuTouchesBringPagesHome);
    }

    [Theory]
    [InlineData("DMA", "strict")]
    [InlineData("DMA-FQ", "lazy")]
    [InlineData("identity", "passthrough")]
    [InlineData("unknown, /sys/dev/char/226:128/device/iommu_group/type: ENOENT (2): No such file or directory", "not reported")]
    public void The_kernels_domain_types_are_translated(string type, string expected)
    {
        BackendReport report = BackendReport.Parse($"backend: kernel\niommu_group_type: {type}\n");

        Assert.Equal((expected, "kernel", "not reported"), (report.Iommu, report.Strategy, report.CpuFaults));
    }

    [Fact]
    public void Coherent_mode_does_not_bring_pages_home() =>
        Assert.False(BackendReport.Parse("cpu_faults: coherent\n").CpuTouchesBringPagesHome);

    [Theory]
    [InlineData("")]
    [InlineData("no colon\n: no name\n")]
    public void A_text_that_says_nothing_answers_nothing(string text)
    {
        BackendReport report = BackendReport.Parse(text);

        Assert.Empty(report.Lines);
        Assert.Equal("not reported", report.Iommu);
    }
}
