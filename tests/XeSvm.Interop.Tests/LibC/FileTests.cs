using XeSvm.Interop.LibC;

namespace XeSvm.Interop.Tests.LibC;

public sealed class FileTests
{
    // Tells the file from one of another test that gets the same descriptor afterwards.
    private const string NameOfItsOwn = "xesvm-test-of-use";

    [Fact]
    public void A_file_is_read_from_its_position_and_from_any_position()
    {
        using TemporaryFolder folder = new();
        string path = folder.Write("file", "0123456789");
        Assert.Equal(0, SystemCalls.OpenForReading(path, out FileDescriptorHandle? file));
        using (file)
        {
            Span<byte> bytes = stackalloc byte[4];
            Assert.Equal(4, SystemCalls.Read(file!, bytes));
            Assert.Equal("0123"u8, bytes);
            Assert.Equal(4, SystemCalls.ReadAt(file!, 5, bytes));
            Assert.Equal("5678"u8, bytes);
            Assert.Equal(4, SystemCalls.Read(file!, bytes));
            Assert.Equal("4567"u8, bytes);
            Assert.Equal(2, SystemCalls.Read(file!, bytes));
            Assert.Equal(0, SystemCalls.Read(file!, bytes));
            Assert.Equal(0, SystemCalls.ReadAt(file!, 10, bytes));
            Assert.Equal(-Errno.EINVAL, SystemCalls.ReadAt(file!, ulong.MaxValue, bytes));
        }
    }

    [Fact]
    public void What_cannot_be_opened_gives_the_errno_and_no_handle()
    {
        using TemporaryFolder folder = new();
        Assert.Equal(-Errno.ENOENT, SystemCalls.OpenForReading(Path.Combine(folder.Path, "missing"), out FileDescriptorHandle? file));
        Assert.Null(file);
        Assert.Equal(-Errno.EISDIR, SystemCalls.OpenForReadingAndWriting(folder.Path, out file));
        Assert.Null(file);
        string path = folder.Write("file", "text");
        Assert.Equal(-Errno.EINVAL, SystemCalls.OpenForReading(path + "\0.old", out file));
        Assert.Null(file);
        Assert.Equal(-Errno.EINVAL, SystemCalls.MemfdCreate(new string('x', 250), out file));
        Assert.Equal(-Errno.EINVAL, SystemCalls.MemfdCreate("a\0b", out file));
        Assert.Null(file);
    }

    [Fact]
    public void A_descriptor_in_use_stays_open_until_the_use_ends()
    {
        Assert.Equal(0, SystemCalls.MemfdCreate(NameOfItsOwn, out FileDescriptorHandle? file));
        Assert.Equal(0, file!.Acquire(out int descriptor));
        file.Dispose();
        Assert.True(IsOpen(descriptor));
        file.Release();
        Assert.False(IsOpen(descriptor));
        Assert.Equal(-Errno.EBADF, file.Acquire(out int none));
        Assert.Equal(-1, none);
    }

    [Fact]
    public void Descriptors_are_closed_by_exec()
    {
        Assert.Equal(0, SystemCalls.MemfdCreate("xesvm-test", out FileDescriptorHandle? memory));
        Assert.Equal(0, SystemCalls.OpenForReading("/dev/null", out FileDescriptorHandle? device));
        Assert.Equal(0, SystemCalls.CreateEventFd(out FileDescriptorHandle? eventFd));
        foreach (FileDescriptorHandle file in (FileDescriptorHandle[])[memory!, device!, eventFd!])
        {
            using (file)
            {
                const int CloseOnExec = 0x80000;
                Assert.Equal(0, file.Acquire(out int descriptor));
                string flags = File.ReadLines($"/proc/self/fdinfo/{descriptor}").Single(line => line.StartsWith("flags:", StringComparison.Ordinal));
                Assert.NotEqual(0, Convert.ToInt32(flags.Split('\t')[1], 8) & CloseOnExec);
                file.Release();
            }
        }
    }

    private static bool IsOpen(int descriptor) =>
        new FileInfo($"/proc/self/fd/{descriptor}").LinkTarget?.Contains(NameOfItsOwn, StringComparison.Ordinal) == true;
}
