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
    public void Each_migration_is_a_sample_and_rounds_are_what_errors_come_from()
    {
        ScriptedDevice scripted = new("64K", 64);
        using XeDevice device = scripted.Open();

        MeasurementCase result = new MigrationMeasurement(device).Run(SvmSizeClass.Size64K, 100);

        RunSamples samples = result.Samples!;
        Assert.Equal((100, 7), (samples.Count, samples.PerRound));
        Assert.All(samples.MigrateUs, time => Assert.Equal(10, time));
        Assert.All(samples.CopyUs!, time => Assert.Equal(4, time));
        Assert.Null(samples.Migrations);
        Assert.Equal(15, samples.CpuTime()!.Clusters);
        Assert.Equal((6.0, 0.0), (samples.CpuTime()!.Value, samples.CpuTime()!.StandardError));
        Assert.False(samples.Drifted(0.01));
    }

    [Fact]
    public void Rounds_without_a_pause_give_one_sample_each_and_the_same_totals()
    {
        ScriptedDevice scripted = new("64K", 64);
        using XeDevice device = scripted.Open();

        MeasurementCase result = new MigrationMeasurement(device).Run(
            new MigrationCasePlan { Size = SvmSizeClass.Size64K, Migrations = 100, Unit = SampleUnit.Round });

        Assert.Equal((100UL, 1000UL, 400UL), (result.Times.Count, result.Times.MigrateMicroseconds, result.Times.DeviceCopyMicroseconds));
        Assert.Equal([.. Enumerable.Repeat(7L, 14), 2L], result.Samples!.Migrations!);
        Assert.Equal(1, result.Samples.PerRound);
        Assert.Equal(15, result.Samples.CpuTime()!.Clusters);
    }

    [Theory]
    [InlineData(0, 20)]
    [InlineData(5, 25)]
    [InlineData(200, 220)]
    public void As_many_migrations_as_are_wanted_go_ahead(int warmUp, int stores)
    {
        ScriptedDevice scripted = new("64K", 64);
        int seen = 0;
        scripted.Adjust = file =>
        {
            Func<ulong, ulong, bool> store = file.OnStore;
            file.OnStore = (address, value) =>
            {
                seen++;
                return store(address, value);
            };
        };
        using XeDevice device = scripted.Open();

        MeasurementCase result = new MigrationMeasurement(device).Run(
            new MigrationCasePlan { Size = SvmSizeClass.Size64K, Migrations = 20, WarmUp = warmUp });

        Assert.Equal((20UL, warmUp, stores), (result.Times.Count, result.WarmUp, seen));
    }

    [Fact]
    public void Statistics_of_all_gts_count_together()
    {
        ScriptedDevice scripted = new("64K", 64);
        scripted.Adjust = file =>
        {
            file.Queries.Gts = 2;
            Func<string> whole = file.DebugFiles["gt0/stats"];

            // The copy is counted where the VRAM is: on the other tile.
            file.DebugFiles["gt0/stats"] = () => string.Join('\n', whole().Split('\n').Where(line => !line.Contains("copy", StringComparison.Ordinal)));
            file.DebugFiles["gt1/stats"] = () => string.Join('\n', whole().Split('\n').Where(line => !line.Contains("migrate", StringComparison.Ordinal)));
        };
        using XeDevice device = scripted.Open();

        MeasurementCase result = new MigrationMeasurement(device).Run(SvmSizeClass.Size64K, 5);

        Assert.Equal((50UL, 20UL), (result.Times.MigrateMicroseconds, result.Times.DeviceCopyMicroseconds));
    }

    [Fact]
    public void A_prefetch_is_timed_by_the_request_and_its_copy_by_the_statistics()
    {
        ScriptedDevice scripted = new("64K", 64);
        scripted.Adjust = file => file.DebugFiles["gt0/stats"] = () =>
            "svm_64K_migrate_count: 0\nsvm_64K_migrate_us: 0\nsvm_64K_device_copy_us: 0\n";
        using XeDevice device = scripted.Open();

        MeasurementCase result = new MigrationMeasurement(device).Run(
            new MigrationCasePlan { Size = SvmSizeClass.Size64K, Migrations = 20, Cause = MigrationCause.Prefetch });

        Assert.Equal((MeasurementNames.RequestClock, MigrationCause.Prefetch, true), (result.Clock, result.Cause, result.HasCopyTimes));
        Assert.Equal(20, result.Samples!.Count);
        Assert.Equal(0UL, result.Times.DeviceCopyMicroseconds);
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
        Assert.Equal((6m, 4m, 0.6m, 10m), (record.Measured.CpuUs, record.Measured.CopyUs, record.Measured.Share, record.Measured.MigrateUs));
        Assert.Equal(new RunInterval(6, 6), record.Measured.CpuInterval);
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
    [InlineData(2, 64, "1 GPU store(s) into 64K ranges caused 2 64K migrations")]
    [InlineData(0, 64, "1 GPU store(s) into 64K ranges caused 0 64K migrations")]
    [InlineData(1, 60, "1 migration(s) of 64K copied 60 KiB instead of 64")]
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
