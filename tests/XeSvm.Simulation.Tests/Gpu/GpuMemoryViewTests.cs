using CsCheck;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Tests.Gpu.Support;

namespace XeSvm.Simulation.Tests.Gpu;

public sealed unsafe class GpuMemoryViewTests
{
    private const ulong Page = 4096;
    private static readonly ulong[] s_places = [GpuMachine.VramVa, GpuMachine.HostVa, GpuMachine.BusVa];

    [Fact]
    public void Random_accesses_agree_with_arrays_whatever_memory_they_meet() =>
        Gen.Select(Gen.Int[0, 3], Gen.Int[0, 2], Gen.Int[0, 2], Gen.Int[0, 40_000], Gen.Int[0, 40_000], Gen.Int[1, 20_000]).List[1, 12]
            .Sample(steps =>
            {
                using GpuMachine machine = new GpuMachine().MapEverything();
                GpuMemoryView view = machine.CreateView();
                byte[][] model = [new byte[65536], new byte[65536], new byte[65536]];
                byte[] buffer = new byte[65536];
                byte next = 1;
                foreach ((int action, int to, int from, int toOffset, int fromOffset, int length) in steps)
                {
                    ulong destination = s_places[to] + (ulong)toOffset;
                    Span<byte> expected = model[to].AsSpan(toOffset, length);
                    switch (action)
                    {
                        case 0:
                            new Span<byte>(buffer, 0, length).Fill(next);
                            fixed (byte* source = buffer)
                            {
                                Assert.Equal(0, view.Write(destination, source, length));
                            }

                            expected.Fill(next++);
                            break;
                        case 1:
                            Assert.Equal(0, view.Fill(destination, next, (ulong)length));
                            expected.Fill(next++);
                            break;
                        case 2 when to != from:
                            Assert.Equal(0, view.Copy(destination, s_places[from] + (ulong)fromOffset, (ulong)length));
                            model[from].AsSpan(fromOffset, length).CopyTo(expected);
                            break;
                        default:
                            fixed (byte* copy = buffer)
                            {
                                Assert.Equal(0, view.Read(destination, copy, length));
                            }

                            Assert.True(expected.SequenceEqual(buffer.AsSpan(0, length)));
                            break;
                    }
                }

                for (int place = 0; place < s_places.Length; place++)
                {
                    Assert.True(new Span<byte>(machine.Backing(s_places[place]), 65536).SequenceEqual(model[place]));
                }

                Assert.Empty(machine.Faults.Seen);
            }, iter: 60);

    [Fact]
    public void Null_pages_read_as_zeros_and_drop_writes()
    {
        using GpuMachine machine = new GpuMachine().MapEverything();
        GpuMemoryView view = machine.CreateView();
        ulong value = 5;
        Assert.Equal(0, view.Write(GpuMachine.NullVa, &value, 8));
        Assert.Equal(0, view.Read(GpuMachine.NullVa, &value, 8));
        Assert.Equal(0UL, value);
        Assert.Equal(0, view.Atomic(GpuMachine.NullVa, AtomicOperation.Add(3, 8)));
        foreach (ulong place in s_places)
        {
            Assert.Equal(0, view.Fill(place, 0xff, 3 * Page));
            Assert.Equal(0, view.Copy(place + 100, GpuMachine.NullVa + 7, 5000));
            var bytes = new Span<byte>(machine.Backing(place), (int)(3 * Page));
            Assert.Equal(-1, bytes.Slice(100, 5000).IndexOfAnyExcept((byte)0));
            Assert.Equal(0xff, bytes[99]);
            Assert.Equal(0xff, bytes[5100]);
            Assert.Equal(0, view.Copy(GpuMachine.NullVa, place, 2 * Page));
        }
    }

    [Theory]
    [InlineData(4)]
    [InlineData(8)]
    public void Atomic_add_wraps(int size)
    {
        using GpuMachine machine = new GpuMachine().MapEverything();
        GpuMemoryView view = machine.CreateView();
        foreach (ulong place in s_places)
        {
            Assert.Equal(0, view.Fill(place, 0xff, 16));
            Assert.Equal(0, view.Atomic(place, AtomicOperation.Add(1, size)));
            Assert.Equal(-1, new Span<byte>(machine.Backing(place), size).IndexOfAnyExcept((byte)0));
            Assert.Equal(0xff, machine.Backing(place)[size]);
            Assert.Equal(-Errno.EINVAL, view.Atomic(place + 2, AtomicOperation.Add(1, size)));
        }

        Assert.Equal(-Errno.EINVAL, view.Atomic(GpuMachine.VramVa, AtomicOperation.Add(1, 2)));
    }

    [Fact]
    public void A_miss_faults_once_with_the_page_and_the_access_and_is_replayed()
    {
        using var machine = new GpuMachine();
        GpuMemoryView view = machine.CreateView();
        machine.Faults.Service = (address, _) =>
        {
            machine.Map(address, Page, GpuMachine.Entry(GpuPteKind.Vram, address & 0xffff));
            return 0;
        };
        const ulong va = GpuMachine.UnmappedVa + 0x2ffc;
        ulong value = 0x1122_3344_5566_7788;
        Assert.Equal(0, view.Write(va, &value, 8));
        Assert.Equal([(GpuMachine.UnmappedVa + 0x2000, GpuAccess.Write), (GpuMachine.UnmappedVa + 0x3000, GpuAccess.Write)], machine.Faults.Seen);
        value = 0;
        Assert.Equal(0, view.Read(va, &value, 8));
        Assert.Equal(0x1122_3344_5566_7788UL, value);
        Assert.Equal(2, machine.Faults.Seen.Count);
    }

    [Fact]
    public void A_fault_that_cannot_be_serviced_is_the_result()
    {
        using var machine = new GpuMachine();
        GpuMemoryView view = machine.CreateView();
        machine.Faults.Service = (_, _) => -Errno.EACCES;
        ulong value = 0;
        Assert.Equal(-Errno.EACCES, view.Read(GpuMachine.UnmappedVa, &value, 8));
        Assert.Equal(-Errno.EACCES, view.Atomic(GpuMachine.UnmappedVa, AtomicOperation.Add(1, 4)));
        Assert.Equal(-Errno.EACCES, view.Copy(GpuMachine.UnmappedVa, GpuMachine.UnmappedVa, 8));
        Assert.Equal([GpuAccess.Read, GpuAccess.Atomic, GpuAccess.Read], machine.Faults.Seen.Select(fault => fault.Access));
    }

    [Fact]
    public void Writes_to_read_only_and_atomics_to_non_atomic_entries_fault_and_see_the_new_entry()
    {
        using var machine = new GpuMachine();
        GpuMemoryView view = machine.CreateView();
        machine.Map(GpuMachine.VramVa, Page, GpuMachine.Entry(GpuPteKind.Vram, 0, writable: false, atomic: false));
        machine.Faults.Service = (address, access) =>
        {
            machine.Map(address, Page, GpuMachine.Entry(GpuPteKind.Vram, 0, writable: true, atomic: access == GpuAccess.Atomic));
            return 0;
        };
        ulong value = 0;
        Assert.Equal(0, view.Read(GpuMachine.VramVa, &value, 8));
        Assert.Empty(machine.Faults.Seen);
        value = 41;
        Assert.Equal(0, view.Write(GpuMachine.VramVa, &value, 8));
        Assert.Equal(0, view.Atomic(GpuMachine.VramVa, AtomicOperation.Add(1, 8)));
        Assert.Equal(42UL, *(ulong*)machine.Vram);
        Assert.Equal([GpuAccess.Write, GpuAccess.Atomic], machine.Faults.Seen.Select(fault => fault.Access));
    }

    [Fact]
    public void A_device_page_that_went_home_faults_although_the_entry_is_still_there()
    {
        using var machine = new GpuMachine();
        GpuMemoryView view = machine.CreateView();
        const ulong va = GpuMachine.UnmappedVa;
        machine.Map(va, 2 * Page, GpuMachine.Entry(GpuPteKind.Vram, 0, svm: true));
        machine.Faults.Service = (address, _) =>
        {
            machine.Client.PutDevicePage(address, machine.Vram + (address - va));
            return 0;
        };
        Assert.Equal(0, view.Fill(va + 4000, 7, 200));
        Assert.Equal([(va, GpuAccess.Write), (va + Page, GpuAccess.Write)], machine.Faults.Seen);
        Assert.Equal(200, new Span<byte>(machine.Vram, 2 * (int)Page).Count((byte)7));
        machine.Client.TakeHome(va);
        Assert.Equal(0, view.Atomic(va, AtomicOperation.Add(1, 4)));
        Assert.Equal((va, GpuAccess.Atomic), machine.Faults.Seen[^1]);
        machine.Client.TakeHome(va + Page);
        Assert.Equal(0, view.Copy(va, va + Page, 64));
        Assert.Equal((va + Page, GpuAccess.Read), machine.Faults.Seen[^1]);
        Assert.Equal(4, machine.Faults.Seen.Count);
    }

    [Fact]
    public void Copies_reach_device_pages_on_both_sides()
    {
        using GpuMachine machine = new GpuMachine().MapEverything();
        GpuMemoryView view = machine.CreateView();
        const ulong va = GpuMachine.UnmappedVa;
        const ulong pages = 4;
        machine.Map(va, pages * Page, GpuMachine.Entry(GpuPteKind.Vram, 1 << 20, svm: true));
        for (ulong page = 0; page < pages; page++)
        {
            machine.Client.PutDevicePage(va + (page * Page), machine.Vram + (1 << 20) + (page * Page));
        }

        var random = new Random(1);
        var source = new byte[9000];
        random.NextBytes(source);
        source.CopyTo(new Span<byte>(machine.HostMemory + 5, 9000));
        Assert.Equal(0, view.Copy(va + 100, GpuMachine.HostVa + 5, 9000));
        Assert.Equal(0, view.Copy(GpuMachine.BusVa + 9, va + 100, 9000));
        Assert.Equal(0, view.Copy(va + 3, GpuMachine.BusVa + 9, 9000));
        Assert.Equal(0, view.Copy(GpuMachine.VramVa + 1, va + 3, 9000));
        Assert.True(new Span<byte>(machine.Vram + 1, 9000).SequenceEqual(source));
        Assert.True(machine.Client.DeviceAccesses >= 12);
    }

    [Fact]
    public void A_bus_that_asks_for_a_retry_faults_and_one_that_refuses_ends_the_access()
    {
        using GpuMachine machine = new GpuMachine().MapEverything();
        GpuMemoryView view = machine.CreateView();
        machine.Faults.Service = (_, _) => 0;
        machine.Bus.Retries = 2;
        ulong value = 3;
        Assert.Equal(0, view.Write(GpuMachine.BusVa + 8, &value, 8));
        Assert.Equal(2, machine.Faults.Seen.Count);
        Assert.Equal(3UL, *(ulong*)(machine.BusMemory + 8));
        machine.Map(GpuMachine.BusVa, Page, GpuMachine.Entry(GpuPteKind.Dma, 0x1000));
        machine.Gate.InvalidateAndWait();
        Assert.Equal(-Errno.EFAULT, view.Write(GpuMachine.BusVa, &value, 8));
        Assert.Equal(2, machine.Faults.Seen.Count);
    }

    [Theory]
    [InlineData(48, 0xffff_8000_0000_0000UL, 0x8000_0000_0000UL)]
    [InlineData(48, 0x8000_0000_0000UL, 0x8000_0000_0000UL)]
    [InlineData(57, 0xff00_0000_0000_0000UL, 0x100_0000_0000_0000UL)]
    public void Canonical_addresses_are_masked_to_the_address_bits(int vaBits, ulong address, ulong masked)
    {
        using var machine = new GpuMachine(vaBits);
        machine.Map(masked, Page, GpuMachine.Entry(GpuPteKind.Vram, 0));
        ulong value = 9;
        Assert.Equal(0, machine.CreateView().Write(address, &value, 8));
        Assert.Equal(9UL, *(ulong*)machine.Vram);
    }

    [Theory]
    [InlineData(0x1_0000_0000_0000UL)]
    [InlineData(0xffff_0000_0000_0000UL)]
    [InlineData(0xfffe_8000_0000_0000UL)]
    [InlineData(0x7fff_ffff_ffff_f000UL)]
    public void Other_high_bits_are_no_address_and_reach_no_handler(ulong address)
    {
        using var machine = new GpuMachine();
        ulong value = 9;
        Assert.Equal(-Errno.EFAULT, machine.CreateView().Write(address, &value, 8));
        Assert.Empty(machine.Faults.Seen);
    }

    [Fact]
    public void A_fault_that_never_helps_ends_when_the_thread_is_asked_to_stop()
    {
        using var machine = new GpuMachine();
        int faults = 0;
        machine.Faults.Service = (_, _) =>
        {
            if (++faults == 100)
            {
                machine.Stop.Request();
            }

            return 0;
        };
        Assert.Equal(-Errno.ECANCELED, machine.CreateView().Fill(GpuMachine.UnmappedVa, 1, Page));
        Assert.Equal(100, faults);
    }

    [Fact]
    public void Accesses_allocate_nothing()
    {
        using GpuMachine machine = new GpuMachine().MapEverything();
        GpuMemoryView view = machine.CreateView();
        Allocations.AssertNone(() =>
        {
            ulong value = 1;
            foreach (ulong place in s_places)
            {
                view.Write(place, &value, 8);
                view.Read(place + 4090, &value, 8);
                view.Atomic(place, AtomicOperation.Add(1, 4));
                view.Fill(place, 1, 9000);
                view.Copy(GpuMachine.BusVa + 100_000, place, 9000);
            }
        });
    }
}
