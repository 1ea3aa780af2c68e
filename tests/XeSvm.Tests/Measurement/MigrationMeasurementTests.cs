using XeSvm.Interop.Uapi;
using XeSvm.Measurement;
using XeSvm.Statistics;
using XeSvm.Tests.Doubles;

namespace XeSvm.Tests.Measurement;

public sealed class MigrationMeasurementTests
{
    [Theory]
    [InlineData("2M", 2048, 40)]
    [InlineData("64K", 64, 150)]
    [InlineData("4K", 4, 1)]
    public void Each_migration_is_caused_by_one_store_and_only_measured_rounds_count(string size, ulong kilobytes, int migrations)
    {
        Assert.True(SvmSizeClass.TryParse(size, out SvmSizeClass? sizeClass));
        ScriptedDevice scripted = new(size, kilobytes);
        using XeDevice device = scripted.Open();
        List<int> progress = [];

        MeasurementCase result = new MigrationMeasurement(device).Run(sizeClass, migrations, progress.Add);

        Assert.Equal((ulong)migrations, result.Times.Count);
        Assert.Equal((ulong)migrations * 10, result.Times.MigrateMicroseconds);
        Assert.Equal("6.00", result.Times.CpuAverage?.ToString(2, DecimalRounding.Nearest));
        Assert.Equal("0.60", result.Times.Share?.ToString(2, DecimalRounding.Nearest));
        Assert.Equal(migrations, progress.Sum());
        Assert.Equal(("iova", "strict", "scattered"), (result.Setup.Strategy, result.Setup.Iommu.Mode, result.Setup.Layout));
    }

    [Fact]
    public void Counters_are_those_of_migrations_to_the_device_exact_per_migration()
    {
        ScriptedDevice scripted = new("64K", 64);
        using XeDevice device = scripted.Open();

        MeasurementCase result = new MigrationMeasurement(device).Run(SvmSizeClass.Size64K, 64);

        Assert.Equal(["iova_alloc_tree", "link_calls", "table_alloc"], result.Counters.Select(counter => counter.Name));
        Assert.Equal(["1", "512", "21/64"], result.Counters.Select(counter => result.PerMigration(counter).ToString()));
        RunCase record = result.ToRunCase();
        Assert.Equal([1m, 512m, 0.328125m], record.Counters.Values);
        Assert.Equal([64ul, 32768ul, 21ul], record.CounterTotals.Values);
        Assert.Equal(new RunMeasured(6, 4, 0.6m), record.Measured);
    }

    [Fact]
    public void Every_range_is_a_vma_of_its_own_size()
    {
        ScriptedDevice scripted = new("64K", 64);
        List<ulong> stores = [];
        scripted.Adjust = file =>
        {
            Func<ulong, ulong, bool> store = file.OnStore;
            file.OnStore = (address, value) =>
            {
                (ulong start, ulong end) = MemoryMap.Find(address);
                Assert.Equal(0UL, start % 65536);
                Assert.Equal(65536UL, end - start);
                stores.Add(address);
                return store(address, value);
            };
        };
        using XeDevice device = scripted.Open();

        new MigrationMeasurement(device).Run(SvmSizeClass.Size64K, 10);

        Assert.Equal(20, stores.Count);
        Assert.Equal(10, stores.Select(address => address / 65536).Distinct().Count());
    }

    [Fact]
    public void A_store_that_did_not_arrive_fails_the_measurement()
    {
        ScriptedDevice scripted = new("64K", 64) { DoesStore = false };
        using XeDevice device = scripted.Open();

        MeasurementException exception = Assert.Throws<MeasurementException>(
            () => new MigrationMeasurement(device).Run(SvmSizeClass.Size64K, 4));

        Assert.Contains("where the GPU wrote", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_page_that_lost_its_content_fails_the_measurement()
    {
        ScriptedDevice scripted = new("64K", 64);
        scripted.Adjust = file =>
        {
            Func<ulong, ulong, bool> store = file.OnStore;
            file.OnStore = (address, value) =>
            {
                Corrupt((address & ~0xffffUL) + 0x5000);
                return store(address, value);
            };
        };
        using XeDevice device = scripted.Open();

        MeasurementException exception = Assert.Throws<MeasurementException>(
            () => new MigrationMeasurement(device).Run(SvmSizeClass.Size64K, 4));

        Assert.Contains("page 5 of 64K range 0", exception.Message, StringComparison.Ordinal);
        Assert.Contains("where the CPU wrote", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2, 64, "4 GPU stores into 64K ranges caused 8 64K migrations")]
    [InlineData(0, 64, "4 GPU stores into 64K ranges caused 0 64K migrations")]
    [InlineData(1, 60, "4 migrations of 64K copied 240 KiB instead of 256")]
    public void Migrations_other_than_those_that_the_stores_cause_fail_the_measurement(ulong perStore, ulong kilobytes, string expected)
    {
        ScriptedDevice scripted = new("64K", kilobytes) { CountPerStore = perStore };
        scripted.Adjust = file =>
        {
            if (perStore == 0)
            {
                file.DebugFiles["gt0/stats"] = () => "svm_64K_migrate_count: 0\nsvm_64K_migrate_us: 0\nsvm_64K_device_copy_us: 0\n";
            }
        };
        using XeDevice device = scripted.Open();

        MeasurementException exception = Assert.Throws<MeasurementException>(
            () => new MigrationMeasurement(device).Run(SvmSizeClass.Size64K, 4));

        Assert.StartsWith(expected, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_statistics_there_is_no_figure_but_advice()
    {
        ScriptedDevice scripted = new("64K", 64) { Adjust = file => file.DebugFiles.Remove("gt0/stats") };
        using XeDevice device = scripted.Open();

        StatisticsUnavailableException exception = Assert.Throws<StatisticsUnavailableException>(
            () => new MigrationMeasurement(device).Run(SvmSizeClass.Size64K, 4));

        Assert.Contains("run as root", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_backend_without_dma_counters_is_measured_without_them()
    {
        ScriptedDevice scripted = new("64K", 64)
        {
            Adjust = file => file.DebugFiles.Remove("dma"),
            BackendText = "backend: kernel\niommu_group_type: DMA-FQ\n",
        };
        using XeDevice device = scripted.Open();

        MeasurementCase result = new MigrationMeasurement(device).Run(SvmSizeClass.Size64K, 4);

        Assert.Empty(result.Counters);
        Assert.Equal(("kernel", "lazy", "not reported"), (result.Setup.Strategy, result.Setup.Iommu.Mode, result.Setup.Layout));
    }

    [Fact]
    public void Cancelling_ends_the_measurement_and_leaves_nothing_behind()
    {
        ScriptedDevice scripted = new("64K", 64);
        using CancellationTokenSource cancellation = new();
        XeDevice device = scripted.Open();

        Assert.Throws<OperationCanceledException>(
            () => new MigrationMeasurement(device).Run(SvmSizeClass.Size64K, 1000, _ => cancellation.Cancel(), cancellation.Token));
        device.Dispose();

        Assert.Equal(0, scripted.Backend.File.LiveObjects);
        Assert.True(scripted.Backend.File.IsClosed);
    }

    [Fact]
    public void A_banned_queue_ends_the_measurement_with_eio()
    {
        ScriptedDevice scripted = new("64K", 64);
        scripted.Adjust = file => file.OnStore = (_, _) =>
        {
            file.IsBanned = true;
            file.Fail(DrmXe.DRM_IOCTL_XE_WAIT_USER_FENCE, Interop.Errno.EIO);
            return false;
        };
        using XeDevice device = scripted.Open();

        XeException exception = Assert.Throws<XeException>(() => new MigrationMeasurement(device).Run(SvmSizeClass.Size64K, 4));

        Assert.Contains("The queue was banned", exception.Message, StringComparison.Ordinal);
    }

    private static unsafe void Corrupt(ulong address) => *(ulong*)address ^= 1;
}
