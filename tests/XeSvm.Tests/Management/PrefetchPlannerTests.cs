using CsCheck;
using XeSvm.Management;

namespace XeSvm.Tests.Management;

/// <summary>The plan of many prefetches, against a map of single pages.</summary>
public sealed class PrefetchPlannerTests
{
    private const ulong Page = GpuRange.PageSize;

    private static readonly MemoryLocation[] s_places = [MemoryLocation.System, MemoryLocation.Device(), MemoryLocation.Device(1), MemoryLocation.Default];

    [Fact]
    public void A_plan_moves_each_page_once_to_where_it_was_named_last() =>
        Gen.Select(Gen.ULong[0, 60 * Page], Gen.ULong[0, 12 * Page], Gen.Int[0, 3]).Array[0, 40].Sample(
            requests =>
            {
                PrefetchPlanner planner = new();
                MemoryLocation?[] expected = new MemoryLocation?[80];
                foreach ((ulong start, ulong length, int place) in requests)
                {
                    planner.Add(new GpuRange(start, length), s_places[place]);
                    for (ulong page = start / Page; length > 0 && page * Page < start + length; page++)
                    {
                        expected[page] = s_places[place];
                    }
                }

                planner.Plan();

                MemoryLocation?[] planned = new MemoryLocation?[80];
                foreach (PrefetchStep step in planner.Steps)
                {
                    for (ulong page = step.Start / Page; page < step.End / Page; page++)
                    {
                        Assert.Null(planned[page]);
                        planned[page] = step.Location;
                    }
                }

                Assert.Equal(expected, planned);
                Assert.All(expected.Index(), item => Assert.Equal(
                    item.Item is not null, planner.Contains(new GpuRange((ulong)item.Index * Page, Page))));
            });

    [Fact]
    public void Neighbours_are_one_step_and_what_makes_room_goes_first()
    {
        PrefetchPlanner planner = new();
        planner.Add(new GpuRange(8 * Page, Page), MemoryLocation.Device());
        planner.Add(new GpuRange(0, 1), MemoryLocation.Device());
        planner.Add(new GpuRange(Page, Page), MemoryLocation.Device());
        planner.Add(new GpuRange(4 * Page, Page), MemoryLocation.System);
        planner.Add(new GpuRange(3 * Page, 2), MemoryLocation.System);
        planner.Add(new GpuRange(7 * Page, 0), MemoryLocation.System);

        planner.Plan();

        Assert.Equal(
            [
                new PrefetchStep(3 * Page, 5 * Page, MemoryLocation.System),
                new PrefetchStep(0, 2 * Page, MemoryLocation.Device()),
                new PrefetchStep(8 * Page, 9 * Page, MemoryLocation.Device()),
            ],
            planner.Steps.ToArray());
    }
}
