using XeSvm.Interop;
using XeSvm.Interop.Uapi;
using XeSvm.Tests.Doubles;

namespace XeSvm.Tests.Vms;

public sealed class AdviceTests : IDisposable
{
    private static readonly GpuRange s_range = new(0x1fff, 2);

    private readonly ScriptedBackend _backend = new();
    private readonly XeDevice _device;
    private readonly XeVm _vm;

    public AdviceTests()
    {
        _device = XeDevice.Open(_backend, _backend.Nodes[0]);
        _vm = _device.CreateMirrorVm();
    }

    private ScriptedFile Driver => _backend.File;

    [Fact]
    public void Advice_of_every_kind_reaches_the_driver_in_its_block()
    {
        _vm.Advise(s_range, Advice.AtomicAccess(AtomicAccess.Cpu));
        drm_xe_madvise atomic = Last();
        _vm.Advise(s_range, Advice.PatIndex(5));
        drm_xe_madvise pat = Last();
        _vm.MarkDiscardable(s_range);
        drm_xe_madvise discard = Last();

        Assert.Equal((DrmXe.DRM_XE_MEM_RANGE_ATTR_ATOMIC, DrmXe.DRM_XE_ATOMIC_CPU), (atomic.type, atomic.atomic.val));
        Assert.Equal((DrmXe.DRM_XE_MEM_RANGE_ATTR_PAT, 5u), (pat.type, pat.pat_index.val));
        Assert.Equal((DrmXe.DRM_XE_VMA_ATTR_PURGEABLE_STATE, DrmXe.DRM_XE_VMA_PURGEABLE_STATE_DONTNEED), (discard.type, discard.purge_state_val.val));
        Assert.All([atomic, pat, discard], request => Assert.Equal((_vm.Id, 0x1000UL, 0x2000UL), (request.vm_id, request.start, request.range)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Memory_that_is_needed_again_tells_whether_it_is_still_there(bool retained)
    {
        Driver.IsRetained = retained;

        Assert.Equal(retained, _vm.MarkNeeded(s_range));
        Assert.Equal(DrmXe.DRM_XE_VMA_PURGEABLE_STATE_WILLNEED, Last().purge_state_val.val);
    }

    [Fact]
    public void What_xe_has_no_attribute_for_is_refused_and_never_faked()
    {
        int requests = Driver.Log.Count;

        Assert.Equal(Errno.EOPNOTSUPP, _vm.TryAdvise(s_range, Advice.ReadMostly).Errno);
        Assert.Equal(Errno.EOPNOTSUPP, _vm.TryAdvise(s_range, Advice.AccessedBy(MemoryLocation.Device())).Errno);
        XeException exception = Assert.Throws<XeException>(() => _vm.Advise(s_range, Advice.ReadMostly));

        Assert.Contains("read mostly for [0x1fff, 0x2001)", exception.Request, StringComparison.Ordinal);
        Assert.Contains("no attribute for this advice", exception.NextStep, StringComparison.Ordinal);
        Assert.Equal(requests, Driver.Log.Count);
        Assert.Equal(
            [true, true, false, true, false, false], Enum.GetValues<AdviceKind>().Select(kind => _vm.Supports(kind)));
        Assert.Throws<ArgumentOutOfRangeException>(() => _vm.Supports((AdviceKind)99));
        Assert.Throws<ArgumentOutOfRangeException>(() => Advice.AtomicAccess((AtomicAccess)9));
    }

    [Theory]
    [InlineData(AdviceKind.ReadMostly, "never copies in several")]
    [InlineData(AdviceKind.AccessedBy, "a prefetch fills the GPU's page tables")]
    [InlineData(AdviceKind.PatIndex, "on integrated GPUs only")]
    public void Advice_that_cannot_be_taken_is_told_with_its_reason(AdviceKind kind, string part)
    {
        Assert.False(_vm.Supports(kind, out string? reason));
        Assert.Contains(part, reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Advice_that_can_be_taken_has_no_reason_against_it()
    {
        Assert.True(_vm.Supports(AdviceKind.AtomicAccess, out string? reason));
        Assert.Null(reason);
        Assert.True(_vm.Supports(Advice.PreferredLocation(MemoryLocation.System)));
        Assert.False(_vm.Supports(Advice.ReadMostly));
    }

    [Fact]
    public void Several_ranges_are_prefetched_with_one_request_and_those_of_another_vm_are_refused()
    {
        using XeVm other = _vm.Device.CreateMirrorVm();
        int requests = Driver.Log.Count;

        _vm.Prefetch([new GpuRange(0x1fff, 2), new GpuRange(0x8000, 1)], MemoryLocation.System);

        Assert.Equal(1, Driver.Log.Skip(requests).Count(request => request.Number == DrmXe.DRM_IOCTL_XE_VM_BIND));
        Assert.Throws<ArgumentException>(() => _vm.Prefetch(ReadOnlySpan<GpuRange>.Empty, MemoryLocation.System));
        Assert.Throws<ArgumentException>(
            () => { _ = _vm.PrefetchAsync([_vm.Mirror(0x1000, 1), other.Mirror(0x1000, 1)], MemoryLocation.System); });
    }

    [Fact]
    public void One_vram_region_of_several_is_named_by_descriptor_after_the_last_advice_was_taken_back()
    {
        ScriptedBackend backend = new() { Prepare = file => file.Queries.VramRegions = 2 };
        using XeDevice device = XeDevice.Open(backend, backend.Nodes[0]);
        using XeVm vm = device.CreateMirrorVm();
        Assert.Equal(Errno.EOPNOTSUPP, vm.TryAdvise(s_range, MemoryLocation.Device(1)).Errno);
        backend.File.DescriptorNumber = 41;

        vm.Advise(s_range, MemoryLocation.Device(1));

        Assert.Equal(
            [(DrmXe.DRM_XE_PREFERRED_LOC_DEFAULT_DEVICE, 0), (41u, 2)],
            backend.File.Log.Where(item => item.Number == DrmXe.DRM_IOCTL_XE_MADVISE).Select(item => item.Argument<drm_xe_madvise>().preferred_mem_loc)
                .Select(place => (place.devmem_fd, (int)place.region_instance)));
    }

    [Fact]
    public void Memory_of_another_device_is_named_by_its_descriptor_and_prefetched_to_by_advice()
    {
        ScriptedBackend otherBackend = new();
        using XeDevice other = XeDevice.Open(otherBackend, otherBackend.Nodes[0]);
        otherBackend.File.DescriptorNumber = 77;

        _vm.Advise(s_range, MemoryLocation.Device(other));

        Assert.Equal((77u, (ushort)1), (Last().preferred_mem_loc.devmem_fd, Last().preferred_mem_loc.region_instance));
        Assert.Equal(Errno.EINVAL, _vm.TryBind([XeBindOperation.Prefetch(s_range, MemoryLocation.Device(other))]).Errno);
        int requests = Driver.Log.Count;
        _vm.Prefetch(s_range, MemoryLocation.Device(other));
        Assert.Equal(
            [DrmXe.DRM_IOCTL_XE_MADVISE, DrmXe.DRM_IOCTL_XE_MADVISE, DrmXe.DRM_IOCTL_XE_VM_BIND],
            Driver.Log.Skip(requests).Select(request => request.Number).Where(number => number is DrmXe.DRM_IOCTL_XE_MADVISE or DrmXe.DRM_IOCTL_XE_VM_BIND));
        Assert.Equal(77u, Last().preferred_mem_loc.devmem_fd);
        Assert.NotEqual(MemoryLocation.Device(), MemoryLocation.Device(other));
        Assert.Equal(MemoryLocation.Device(other), MemoryLocation.Device(other));
        Assert.Equal("device(0) of /dev/dri/renderD128", MemoryLocation.Device(other).ToString());
        Driver.Fail(DrmXe.DRM_IOCTL_XE_MADVISE, Errno.ENOLINK);
        XeException exception = Assert.Throws<XeException>(() => _vm.Advise(s_range, MemoryLocation.Device(other)));
        Assert.Contains("no fast interconnect", exception.NextStep, StringComparison.Ordinal);
        requests = Driver.Log.Count;
        Assert.Equal(Errno.ENOLINK, _vm.TryPrefetch(s_range, MemoryLocation.Device(other)).Errno);
        Assert.DoesNotContain(Driver.Log.Skip(requests), request => request.Number == DrmXe.DRM_IOCTL_XE_VM_BIND);
    }

    [Fact]
    public void Attributes_come_back_as_records_in_two_calls()
    {
        Assert.Empty(_vm.GetAttributes(s_range));
        Driver.Attributes.Add(Attribute(0x1000, 0x3000, DrmXe.DRM_XE_PREFERRED_LOC_DEFAULT_SYSTEM, atomic: 2, pat: 3));
        Driver.Attributes.Add(Attribute(0x3000, 0x4000, fd: 41, atomic: 0, pat: 2));

        Assert.Equal(
            [
                new SvmRangeAttributes(new GpuRange(0x1000, 0x2000), MemoryLocation.System, null, AtomicAccess.Global, 3),
                new SvmRangeAttributes(new GpuRange(0x3000, 0x1000), MemoryLocation.Device(), 41, AtomicAccess.Default, 2),
            ],
            _vm.GetAttributes(s_range));
    }

    [Theory]
    [InlineData(2, true)]
    [InlineData(int.MaxValue, false)]
    public void Mappings_that_grow_between_the_calls_are_asked_for_again_a_number_of_times(int times, bool comesToAnEnd)
    {
        Driver.Attributes.AddRange(Enumerable.Repeat(Attribute(0, 4096, 0, 0, 0), 300_000));
        int calls = 0;
        Driver.AttributesAtFirstCall = count => calls++ < times ? 1 : count;

        XeResult result = _vm.TryGetAttributes(s_range, out IReadOnlyList<SvmRangeAttributes> attributes);

        Assert.Equal(comesToAnEnd ? 0 : Errno.ENOSPC, result.Errno);
        Assert.Equal(comesToAnEnd ? 300_000 : 0, attributes.Count);
        Assert.Equal(comesToAnEnd ? 3 : 16, calls);
    }

    [Fact]
    public void A_range_has_its_attributes_as_properties()
    {
        SvmRange range = _vm.Mirror(0x7000_0000, 0x4000);
        Driver.Attributes.Add(Attribute(0x7000_0000, 0x7000_2000, DrmXe.DRM_XE_PREFERRED_LOC_DEFAULT_SYSTEM, atomic: 1, pat: 2));
        range.PreferredLocation = MemoryLocation.System;
        Assert.Equal(DrmXe.DRM_XE_PREFERRED_LOC_DEFAULT_SYSTEM, Last().preferred_mem_loc.devmem_fd);
        range.AtomicAccess = AtomicAccess.Device;
        Assert.Equal(DrmXe.DRM_XE_ATOMIC_DEVICE, Last().atomic.val);
        range.PatIndex = 9;
        Assert.Equal(9u, Last().pat_index.val);

        Assert.Equal((MemoryLocation.System, AtomicAccess.Device, (ushort)2), (range.PreferredLocation!.Value, range.AtomicAccess!.Value, range.PatIndex!.Value));
        Driver.Attributes.Add(Attribute(0x7000_2000, 0x7000_4000, 0, atomic: 1, pat: 2));
        Assert.Null(range.PreferredLocation);
        Assert.Equal(AtomicAccess.Device, range.AtomicAccess);
        Assert.Throws<ArgumentNullException>(() => range.PreferredLocation = null);
        Assert.Equal(new GpuRange(0x7000_1000, 0x1000), range.Slice(0x1000, 0x1000).Range);
        Assert.Throws<ArgumentOutOfRangeException>(() => range.Slice(0x3001, 0x1000));
    }

    [Fact]
    public void A_buffer_and_its_parts_are_advised_like_any_range()
    {
        using SvmBuffer<ulong> buffer = _vm.Allocate<ulong>(4096);
        Driver.Attributes.Add(Attribute(0, 1UL << 47, 0, 0, 2));
        buffer.PreferredLocation = MemoryLocation.Device();
        Assert.Equal((buffer.GpuAddress, 32768UL), (Last().start, Last().range));
        buffer.Slice(512, 512).Prefetch(MemoryLocation.System);
        drm_xe_vm_bind_op prefetch = Driver.Log.Last(item => item.Number == DrmXe.DRM_IOCTL_XE_VM_BIND).Argument<drm_xe_vm_bind>().bind;

        Assert.Equal((buffer.GpuAddress + 4096, 4096UL, 0u), (prefetch.addr, prefetch.range, prefetch.prefetch_mem_region_instance));
        Assert.Equal(MemoryLocation.Default, buffer.PreferredLocation);
        Assert.Single(buffer.GetAttributes());
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.Slice(4000, 97));
        buffer.Dispose();
        Assert.Throws<ObjectDisposedException>(() => buffer.Advise(Advice.Needed));
    }

    [Fact]
    public async Task A_prefetch_goes_in_parts_that_split_no_large_range_and_can_be_cancelled_between_them()
    {
        const ulong Part = 64 << 20;
        List<(ulong Start, ulong Length)> parts = [];
        using CancellationTokenSource source = new();
        Driver.Observe = Record;
        GpuRange range = new(Part - 4096, 3 * Part);

        await _vm.PrefetchAsync(range, MemoryLocation.Device());
        Assert.Equal([(Part - 4096, 4096UL), (Part, Part), (2 * Part, Part), (3 * Part, Part - 4096)], parts);
        parts.Clear();
        Driver.Observe = (request, argument) =>
        {
            Record(request, argument);
            if (parts.Count == 2)
            {
                source.Cancel();
            }
        };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => _vm.PrefetchAsync(new[] { range, range }, MemoryLocation.Device(), source.Token));
        Assert.Equal(2, parts.Count);
        Driver.Observe = null;
        Driver.Fail(DrmXe.DRM_IOCTL_XE_VM_BIND, Errno.ENOMEM);
        XeException exception = await Assert.ThrowsAsync<XeException>(() => _vm.Mirror(0x1000, 4096).PrefetchAsync(MemoryLocation.System));
        Assert.Equal("VM_BIND prefetch", exception.Operation);
        Driver.Fail(DrmXe.DRM_IOCTL_XE_VM_BIND, 0);

        unsafe void Record(uint request, nint argument)
        {
            if (request == DrmXe.DRM_IOCTL_XE_VM_BIND)
            {
                parts.Add((((drm_xe_vm_bind*)argument)->bind.addr, ((drm_xe_vm_bind*)argument)->bind.range));
            }
        }
    }

    [Fact]
    public unsafe void Native_memory_becomes_a_range()
    {
        Span<ulong> memory = stackalloc ulong[100];
        fixed (ulong* first = memory)
        {
            SvmRange range = _vm.Mirror<ulong>(memory);
            Assert.Equal(new GpuRange((ulong)first, 800), range.Range);
        }

        using XeVm plain = _device.CreateVm();
        Assert.Throws<InvalidOperationException>(() => plain.Mirror(0x1000, 4096));
        Assert.Throws<ArgumentOutOfRangeException>(() => _vm.Mirror(0x1000, 0));
    }

    public void Dispose()
    {
        _vm.Dispose();
        _device.Dispose();
        Assert.Equal(0, Driver.LiveObjects);
    }

    private static drm_xe_mem_range_attr Attribute(ulong start, ulong end, uint fd, uint atomic, uint pat)
    {
        drm_xe_mem_range_attr record = new() { start = start, end = end };
        record.preferred_mem_loc.devmem_fd = fd;
        record.atomic.val = atomic;
        record.pat_index.val = pat;
        return record;
    }

    private drm_xe_madvise Last() => Driver.Log.Last(logged => logged.Number == DrmXe.DRM_IOCTL_XE_MADVISE).Argument<drm_xe_madvise>();
}
