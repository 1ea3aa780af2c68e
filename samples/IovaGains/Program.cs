// IovaGains: what the IOVA path of the dma-map API saves when 2 MiB migrate to VRAM.
//
// What you learn here:
//   - how to measure migrations with MeasurementRunner: one GPU fault each, times from the GT statistics;
//   - what one migration costs with one dma_map_page for each page (per-page), and with one reservation, links and one sync (iova): the counts are
//     exact, and are what carries over to hardware;
//   - what a named cost profile makes of the counts: modelled CPU time, beside the figures of the patch series' cover letter;
//   - that on real hardware there is one row, of whatever your kernel does: Linux 7.2 and later have the IOVA path.
//
// Run it with: dotnet run -c Release --project samples/IovaGains
// XESVM_BACKEND=software or kernel decides which backend is taken.
using System.Globalization;
using IovaGains;
using XeSvm;
using XeSvm.Costs;
using XeSvm.Measurement;
using XeSvm.Simulation.Iommu;
using XeSvm.Statistics;

const string Profile = "xe-2026-01";
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
bool software = Backend() == "software";

// The machine that the profile is calibrated for: lazy invalidation, a page walker that does not see the CPU's caches.
MeasurementPlan plan = software
    ? new MeasurementPlan
    {
        Sizes = [SvmSizeClass.Size2M],
        Strategies = ["per-page", "iova"],
        IommuModes = [IommuMode.Lazy],
        CoherentWalkers = [false],
        Profile = CostModel.Load(Profile),
        Migrations = 64,
    }
    : new MeasurementPlan { Sizes = [SvmSizeClass.Size2M] };
RunRecord record = new MeasurementRunner().Run(plan, new Progress());

Console.WriteLine($"Backend     {record.Backend}, because {record.Reason}");
Console.WriteLine($"Machine     {record.Host.Cpu}, Linux {record.Host.Kernel}; IOMMU {record.Cases[0].Iommu}, layout {record.Cases[0].Layout}");
Console.WriteLine($"Sample      {record.Cases[0].Migrations} migrations of {record.Cases[0].Size} a row");
if (!software)
{
    foreach (RunCase row in record.Cases)
    {
        Console.WriteLine($"{row.Strategy,-10} measured {row.Measured.CpuUs:0.00} us of CPU and {row.Measured.CopyUs:0.00} us of copy a migration");
    }

    Console.WriteLine("Run it on a kernel before 7.2 and on one with the IOVA path, and compare.");
    return 0;
}

Console.WriteLine();
Console.WriteLine("            [counted, per migration]            [modelled]   [published, hardware]");
Console.WriteLine("strategy    IOVAs  walks  syncs  invalidations  cpu us       cpu us");
foreach (RunCase row in record.Cases)
{
    decimal iovas = Count(row, "iova_alloc_magazine") + Count(row, "iova_alloc_tree");
    decimal walks = Count(row, "walks_map") + Count(row, "walks_unmap");
    decimal invalidations = Count(row, "inval_strict") + Count(row, "queue_entries");
    decimal? published = Published(row.Strategy)?.CpuAverage?.ToDecimal(2, DecimalRounding.Nearest);
    Console.WriteLine(
        $"{row.Strategy,-10}  {iovas,5:0}  {walks,5:0}  {Count(row, "sync_calls"),5:0}  {invalidations,13:0}  {row.Modelled?.CpuUs,6:0.00}       {published,6:0.00}");
}

decimal? gain = record.Cases[0].Modelled?.CpuUs / record.Cases[1].Modelled?.CpuUs;
Console.WriteLine();
Console.WriteLine($"Gain        {gain:0.00} times less CPU time a migration, modelled with profile {Profile}");
bool fewer = Count(record.Cases[1], "walks_map") <= Count(record.Cases[0], "walks_map")
    && Count(record.Cases[1], "iova_alloc_tree") + Count(record.Cases[1], "iova_alloc_magazine") == 1
    && gain > 1;
Console.WriteLine(fewer ? "The IOVA path does less for the same bytes." : "The IOVA path does not do less: look at the counts.");
return fewer ? 0 : 1;

static decimal Count(RunCase row, string counter) => row.Counters.GetValueOrDefault(counter);

// The cover letter's first figures of per-page carry a slowdown that was not the series'; they were measured again after it was mended.
static MigrationTimes? Published(string strategy) =>
    PublishedFigures.Instance.FindRemeasured(strategy, SvmSizeClass.Size2M) ?? PublishedFigures.Instance.Find(strategy, SvmSizeClass.Size2M);

static string Backend()
{
    using BackendSelection selection = XeBackends.Select();
    return selection.Backend.Name;
}
