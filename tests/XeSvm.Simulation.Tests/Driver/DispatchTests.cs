using System.Runtime.InteropServices;

using XeSvm.Interop;
using XeSvm.Interop.LibC;
using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>What holds for every ioctl, whatever its handler (drm_ioctl).</summary>
public sealed unsafe class DispatchTests : IDisposable
{
    private const uint DirectionWrite = 1u << 30; // the kernel reads
    private const uint DirectionRead = 2u << 30;
    private const int SizeShift = 16;
    private readonly DrmClient _client = new();

    public void Dispose() => _client.Dispose();

    [Theory]
    [InlineData(Drm.DRM_IOCTL_SET_CLIENT_CAP)]
    [InlineData(0xc0106401)] // GET_UNIQUE
    [InlineData(0xc008640a)] // GEM_FLINK
    [InlineData(0xc010640b)] // GEM_OPEN
    [InlineData(0xc0286405)] // GET_CLIENT
    [InlineData(0xc01064b3)] // MODE_MAP_DUMB
    [Trait("Rule", "1.7")]
    public void A_core_ioctl_that_render_nodes_refuse_is_EACCES_once_its_argument_was_read(uint request)
    {
        (UInt128, UInt128, UInt128) argument = default;
        Assert.Equal(-Errno.EACCES, _client.Ioctl(request, ref argument));
        Assert.Equal(-Errno.EFAULT, _client.File.Ioctl(request, (void*)DrmClient.BadPointer));
    }

    [Theory]
    [InlineData(0x00u)]
    [InlineData((uint)'A')]
    [InlineData((uint)'D')]
    [InlineData(0xffu)]
    [Trait("Rule", "1.4")]
    public void Another_type_byte_is_ENOTTY(uint type)
    {
        var create = new drm_xe_vm_create();
        Assert.Equal(-Errno.ENOTTY, _client.Ioctl((DrmXe.DRM_IOCTL_XE_VM_CREATE & ~0xff00u) | type << 8, ref create));
    }

    [Fact]
    [Trait("Rule", "1.5")]
    public void Every_number_without_a_handler_is_EINVAL_even_with_a_bad_pointer()
    {
        uint[] known =
        [
            Drm.DRM_IOCTL_VERSION, Drm.DRM_IOCTL_GEM_CLOSE, Drm.DRM_IOCTL_GET_CAP, Drm.DRM_IOCTL_SET_CLIENT_CAP,
            Drm.DRM_IOCTL_SET_CLIENT_NAME, 0x01, 0x02, 0x05, 0x06, 0x0a, 0x0b, 0x11, 0x1e, 0x1f, 0xb2, 0xb3, 0xb4,
            Drm.DRM_IOCTL_SYNCOBJ_CREATE, Drm.DRM_IOCTL_SYNCOBJ_DESTROY, Drm.DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, Drm.DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE,
            Drm.DRM_IOCTL_SYNCOBJ_WAIT, Drm.DRM_IOCTL_SYNCOBJ_RESET, Drm.DRM_IOCTL_SYNCOBJ_SIGNAL, Drm.DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT,
            Drm.DRM_IOCTL_SYNCOBJ_QUERY, Drm.DRM_IOCTL_SYNCOBJ_TRANSFER, Drm.DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, Drm.DRM_IOCTL_SYNCOBJ_EVENTFD,
            DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_SET_PROPERTY, DrmXe.DRM_IOCTL_XE_OBSERVATION,
            DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, DrmXe.DRM_IOCTL_XE_GEM_CREATE, DrmXe.DRM_IOCTL_XE_GEM_MMAP_OFFSET,
            DrmXe.DRM_IOCTL_XE_VM_CREATE, DrmXe.DRM_IOCTL_XE_VM_DESTROY, DrmXe.DRM_IOCTL_XE_VM_BIND,
            DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_CREATE, DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_DESTROY, DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_GET_PROPERTY,
            DrmXe.DRM_IOCTL_XE_EXEC, DrmXe.DRM_IOCTL_XE_WAIT_USER_FENCE, DrmXe.DRM_IOCTL_XE_MADVISE,
            Drm.DRM_IOCTL_PRIME_HANDLE_TO_FD, Drm.DRM_IOCTL_PRIME_FD_TO_HANDLE,
            DrmXe.DRM_IOCTL_XE_VM_QUERY_MEM_RANGE_ATTRS, DrmXe.DRM_IOCTL_XE_VM_GET_PROPERTY,
        ];
        var holes = Enumerable.Range(0, 256).Select(number => (uint)number).Except(known.Select(request => request & 0xff));
        Assert.All(holes, number =>
            Assert.Equal(-Errno.EINVAL, _client.File.Ioctl(DirectionRead | DirectionWrite | 8u << SizeShift | 0x6400 | number, (void*)DrmClient.BadPointer)));
    }

    [Theory]
    [InlineData(Drm.DRM_IOCTL_VERSION)]
    [InlineData(Drm.DRM_IOCTL_GEM_CLOSE)]
    [InlineData(DrmXe.DRM_IOCTL_XE_DEVICE_QUERY)]
    [InlineData(DrmXe.DRM_IOCTL_XE_VM_CREATE)]
    [InlineData(DrmXe.DRM_IOCTL_XE_VM_BIND)]
    [InlineData(DrmXe.DRM_IOCTL_XE_MADVISE)]
    [Trait("Rule", "1.6")]
    public void A_bad_argument_pointer_is_EFAULT(uint request)
    {
        Assert.Equal(-Errno.EFAULT, _client.File.Ioctl(request, null));
        Assert.Equal(-Errno.EFAULT, _client.File.Ioctl(request, (void*)DrmClient.BadPointer));
        Assert.Equal(-Errno.EFAULT, _client.File.Ioctl(request, (void*)0x8000_0000_0000_0000));
    }

    [Fact]
    [Trait("Rule", "1.6")]
    public void An_argument_that_ends_beyond_mapped_memory_is_EFAULT()
    {
        ulong page = DrmClient.MapWithGuard();
        Assert.Equal(-Errno.EFAULT, _client.File.Ioctl(DrmXe.DRM_IOCTL_XE_VM_CREATE, (void*)(page + 0x1000 - 16)));
        Assert.Equal(0, _client.File.Ioctl(DrmXe.DRM_IOCTL_XE_VM_CREATE, (void*)(page + 0x1000 - (ulong)sizeof(drm_xe_vm_create))));

        // The size in the request counts, not that of the kernel's struct.
        Assert.Equal(-Errno.EFAULT, _client.File.Ioctl(
            Resized(DrmXe.DRM_IOCTL_XE_VM_CREATE, 0x40), (void*)(page + 0x1000 - (ulong)sizeof(drm_xe_vm_create))));
        DrmClient.Unmap(page, 0x2000);
    }

    [Fact]
    [Trait("Rule", "1.8")]
    public void A_result_that_cannot_be_copied_back_is_EFAULT_and_the_work_is_done()
    {
        ulong page = DrmClient.Map(0x1000);
        Assert.Equal(0, SystemCalls.Protect((nint)page, 0x1000, MemoryProtection.Read));
        Assert.Equal(-Errno.EFAULT, _client.File.Ioctl(DrmXe.DRM_IOCTL_XE_VM_CREATE, (void*)page));
        Assert.Equal(2u, _client.CreateVm(0));
        DrmClient.Unmap(page, 0x1000);
    }

    [Fact]
    [Trait("Rule", "1.6")]
    public void A_short_argument_is_filled_with_zeros()
    {
        // Without the last 16 bytes, which are reserved and would be refused if they were taken from behind the argument.
        var create = new drm_xe_vm_create();
        create.reserved[0] = create.reserved[1] = ulong.MaxValue;
        Assert.Equal(0, _client.Ioctl(Resized(DrmXe.DRM_IOCTL_XE_VM_CREATE, 16), ref create));
        Assert.Equal(1u, create.vm_id);
        Assert.Equal(ulong.MaxValue, create.reserved[0]);
    }

    [Fact]
    [Trait("Rule", "1.6")]
    public void Of_a_short_argument_only_that_much_is_copied_back()
    {
        var create = new drm_xe_vm_create { vm_id = 77 };
        Assert.Equal(0, _client.Ioctl(Resized(DrmXe.DRM_IOCTL_XE_VM_CREATE, 12), ref create));
        Assert.Equal(77u, create.vm_id);
        Assert.Equal(2u, _client.CreateVm(0));
    }

    [Fact]
    [Trait("Rule", "1.6")]
    public void A_long_argument_is_tolerated_and_its_tail_left_alone()
    {
        var argument = default(LongCreate);
        argument.Tail = 0x1122334455667788;
        argument.TailToo = ulong.MaxValue;
        Assert.Equal(0, _client.Ioctl(Resized(DrmXe.DRM_IOCTL_XE_VM_CREATE, sizeof(drm_xe_vm_create) + 16), ref argument));
        Assert.Equal((1u, 0x1122334455667788ul, ulong.MaxValue), (argument.Create.vm_id, argument.Tail, argument.TailToo));
    }

    [Fact]
    [Trait("Rule", "1.6")]
    public void The_longest_argument_that_a_number_can_name_works()
    {
        const int longest = 0x3fff;
        byte* argument = stackalloc byte[longest];
        new Span<byte>(argument, longest).Fill(0xa5);
        *(drm_xe_vm_create*)argument = default;
        Assert.Equal(0, _client.File.Ioctl(Resized(DrmXe.DRM_IOCTL_XE_VM_CREATE, longest), argument));
        Assert.Equal(1u, ((drm_xe_vm_create*)argument)->vm_id);
        Assert.False(new Span<byte>(argument, longest)[sizeof(drm_xe_vm_create)..].ContainsAnyExcept((byte)0xa5));
    }

    [Fact]
    [Trait("Rule", "1.6")]
    public void Without_the_write_bit_nothing_is_copied_in_and_no_memory_of_ours_comes_out()
    {
        var argument = default(LongCreate);
        argument.Create.flags = uint.MaxValue;
        argument.Tail = ulong.MaxValue;
        uint readOnly = Resized(DrmXe.DRM_IOCTL_XE_VM_CREATE & ~DirectionWrite, sizeof(drm_xe_vm_create) + 8);
        Assert.Equal(0, _client.Ioctl(readOnly, ref argument));
        Assert.Equal((0u, 1u, 0ul), (argument.Create.flags, argument.Create.vm_id, argument.Tail));
    }

    [Fact]
    [Trait("Rule", "1.6")]
    public void Without_the_read_bit_nothing_is_copied_back()
    {
        var create = new drm_xe_vm_create { vm_id = 77 };
        Assert.Equal(0, _client.Ioctl(DrmXe.DRM_IOCTL_XE_VM_CREATE & ~DirectionRead, ref create));
        Assert.Equal(77u, create.vm_id);
    }

    [Fact]
    [Trait("Rule", "1.6")]
    public void Without_any_direction_the_argument_is_not_touched()
    {
        Assert.Equal(0, _client.File.Ioctl(DrmXe.DRM_IOCTL_XE_VM_CREATE & ~(DirectionRead | DirectionWrite), (void*)DrmClient.BadPointer));
    }

    [Fact]
    [Trait("Rule", "1.8")]
    public void What_a_failed_handler_wrote_is_copied_back()
    {
        // GET_CAP clears the value before it looks at the capability.
        var cap = new drm_get_cap { capability = 4242, value = 77 };
        Assert.Equal(-Errno.EOPNOTSUPP, _client.Ioctl(Drm.DRM_IOCTL_GET_CAP, ref cap));
        Assert.Equal(0ul, cap.value);

        // The remaining time of a wait that failed.
        ulong word = 1;
        var wait = new drm_xe_wait_user_fence { addr = (ulong)&word, value = 2, mask = ulong.MaxValue, timeout = 1 };
        Assert.Equal(-Errno.ETIME, _client.Ioctl(DrmXe.DRM_IOCTL_XE_WAIT_USER_FENCE, ref wait));
        Assert.Equal(0, wait.timeout);
    }

    [Fact]
    [Trait("Rule", "1.8")]
    public void An_ioctl_without_results_does_not_write_to_its_argument()
    {
        ulong page = DrmClient.Map(0x1000);
        *(drm_xe_vm_destroy*)page = new drm_xe_vm_destroy { vm_id = _client.CreateVm(0) };
        Assert.Equal(0, SystemCalls.Protect((nint)page, 0x1000, MemoryProtection.Read));
        Assert.Equal(0, _client.File.Ioctl(DrmXe.DRM_IOCTL_XE_VM_DESTROY, (void*)page));
        Assert.Equal(-Errno.ENOENT, _client.File.Ioctl(DrmXe.DRM_IOCTL_XE_VM_DESTROY, (void*)page));

        // Not even when the caller's number has the read bit.
        Assert.Equal(-Errno.ENOENT, _client.File.Ioctl(DrmXe.DRM_IOCTL_XE_VM_DESTROY | DirectionRead, (void*)page));
        DrmClient.Unmap(page, 0x1000);
    }

    [Fact]
    [Trait("Rule", "1.ids")]
    public void Ids_begin_at_1_and_the_lowest_free_one_is_used_again()
    {
        Assert.Equal([1u, 2u, 3u, 4u], Enumerable.Range(0, 4).Select(_ => _client.CreateVm(0)));
        Assert.Equal(0, _client.DestroyVm(3));
        Assert.Equal(0, _client.DestroyVm(2));
        Assert.Equal([2u, 3u, 5u], Enumerable.Range(0, 3).Select(_ => _client.CreateVm(0)));

        Assert.Equal([1u, 2u, 3u], Enumerable.Range(0, 3).Select(_ => _client.CreateBo(0x1000)));
        Assert.Equal(0, _client.CloseBo(1));
        Assert.Equal(1u, _client.CreateBo(0x1000));

        Assert.Equal([1u, 2u, 3u], Enumerable.Range(0, 3).Select(_ => _client.CreateQueue(1)));
        Assert.Equal(0, _client.DestroyQueue(2));
        Assert.Equal(2u, _client.CreateQueue(1));
    }

    [Fact]
    [Trait("Rule", "1.ids")]
    public void Ids_belong_to_one_file()
    {
        using var other = new DrmClient(_client);
        uint vm = _client.CreateVm(0);
        Assert.Equal(-Errno.ENOENT, other.DestroyVm(vm));
        Assert.Equal(1u, other.CreateVm(0));
        Assert.Equal(0, other.DestroyVm(vm));
        Assert.Equal(0, _client.DestroyVm(vm));
    }

    [Fact]
    [Trait("Rule", "1.close")]
    public void A_closed_file_is_EBADF()
    {
        uint handle = _client.CreateBo(0x1000);
        ulong offset = _client.OffsetOf(handle);
        byte* mapped = _client.MapBo(handle, 0x1000);
        _client.File.Dispose();
        var create = new drm_xe_vm_create();
        Assert.Equal(-Errno.EBADF, _client.Ioctl(DrmXe.DRM_IOCTL_XE_VM_CREATE, ref create));
        Assert.Equal(-Errno.EBADF, _client.File.Ioctl(0, null));
        Assert.Equal(-Errno.EBADF, _client.File.Map(offset, 0x1000, DrmMapProtection.Read, out _));
        Assert.Null(_client.File.ReadDebugFile("gt0/stats").Text);

        // A mapping outlives its file.
        mapped[0xfff] = 5;
        Assert.Equal(0, _client.File.Unmap((nint)mapped, 0x1000));
        _client.File.Dispose();
    }

    private static uint Resized(uint request, int size) => (request & ~(0x3fffu << SizeShift)) | (uint)size << SizeShift;

    [StructLayout(LayoutKind.Sequential)]
    private struct LongCreate
    {
        public drm_xe_vm_create Create;
        public ulong Tail;
        public ulong TailToo;
    }
}
