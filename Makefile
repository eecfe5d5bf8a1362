# Pagoda. `make help` lists what a person types; the rest is how it is built.
#
# Everything that is made lies under build/: a kernel and its image under
# build/CONFIG, host programs under build/host. A change of flags, tools or of
# the list of sources rebuilds what it must, through the stamps below.
#
#: make qemu          build what is needed and start Pagoda; Ctrl-A x leaves
#:     SMP=3          harts, 1 to 8
#:     MEM=128M       memory, from 16M
#:     CONFIG=debug   or release
#:     PROGS=DIR      compile every .c file of DIR into the image ...
#:     API=xv6        ... as a program written for xv6-riscv
#:     SEED=N         the same scheduling decisions each time
#:     ARGS="..."     more boot arguments, such as ARGS="trace=on mem=8M"
#:     KEEP=1         keep the disk of the run before (otherwise it is new each time)
#:     GDB=1          wait for make gdb
#:     SAN=address,undefined   a kernel that checks each access, each shift and sum; also with make test
#: make gdb           debug the QEMU that `make qemu GDB=1` started in another terminal
#: make grade         this tree's kernel by the tests of its lab
#: make replay TEST=cow.shares SEED=1    one of them, told as it goes
#: make gdb TEST=cow.shares SEED=1       one of them under gdb, from checkpoint to checkpoint
#: make test          all tests; ONLY=PATTERN some of them, SEED=N another seed
#@staff
#: make grade LAB=cow SUBMISSION=DIR     the course's kernel with that lab's holes filled from DIR
#: make features      rows of docs/features.md with their tests, mutants and results
#: make interleave    every order of threads in kernel/vm, on this machine; PREEMPTIONS=3 more of them
#: make coverage      each branch of kernel/vm is taken by a test, or listed with the reason; ONLY=PATTERN tests
#: make mutants       break the kernel on purpose, see that tests notice; ONLY=PATTERN
#: make bench         what operations cost, in instructions: a table, and build/bench.json
#: make throughput    faults of 1 to 8 at once, with how often they waited for locks
#: make fuzz          random system calls; SEEDS=1-20 CALLS=1000000 HARTS=3 RAM=16M; PLAN=... what a failure printed
#: make sweep         one allocation after the other fails at boot; STEP=7 every seventh
#: make stage LAB=map KIND=start OUT=DIR     a student's tree (start, lab or solved)
#: make check-labs    every stage, score, hole, mutant and lie of the labs; ONLY=PATTERN
#@end
#: make models        Spin searches the models of models/; ONLY=PATTERN some of them
#: make check-floors  no file includes or calls what lies above it
#: make docs          the book, in build/docs/html
#: make doctor        check the tools, install what is missing
#: make clean         remove build/

CONFIG ?= debug
ifeq ($(filter $(CONFIG),debug release),)
$(error CONFIG is debug or release, not "$(CONFIG)")
endif
API ?= pagoda
ifeq ($(filter $(API),pagoda xv6),)
$(error API is pagoda or xv6, not "$(API)")
endif
SMP ?= 3
ifeq ($(filter $(SMP),1 2 3 4 5 6 7 8),)
$(error SMP is 1 to 8, not "$(SMP)")
endif
ifneq ($(PROGS),)
ifneq ($(words $(PROGS)),1)
$(error PROGS: make takes no folder with a space in its name; give a link to "$(PROGS)")
endif
PROGS_FOUND := $(wildcard $(PROGS)/*.c)
ifeq ($(PROGS_FOUND),)
$(error PROGS: there is no .c file in "$(PROGS)")
endif
ifneq ($(filter-out $(PROGS)/%.c,$(PROGS_FOUND)),)
$(error PROGS: make takes no file with a space in its name: $(filter-out $(PROGS)/%.c,$(PROGS_FOUND)))
endif
endif

COMMA := ,
NOTHING :=
SAN_KINDS := $(sort $(subst $(COMMA), ,$(SAN)))
ifneq ($(filter-out address undefined,$(SAN_KINDS)),)
$(error SAN is address, undefined, or both with a comma between them, not "$(SAN)")
endif

B := build/$(CONFIG)$(if $(AUDIT),-audit)$(if $(COVERAGE),-coverage)$(subst $(NOTHING) ,,$(SAN_KINDS:%=-%))

MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := all

# What a person types.
.PHONY: all help doctor qemu gdb grade replay test check-floors docs typecheck models clean FORCE
#@staff
.PHONY: features interleave coverage mutants bench throughput fuzz sweep stage check-labs
#@end
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)

# V=1 shows the commands themselves.
Q := $(if $(V),,@)
say = @printf '  %-5s %s\n' $(1) $(2)

## ---- tools -----------------------------------------------------------------

PREFIXES := riscv64-unknown-elf- riscv64-elf- riscv-none-elf- riscv64-none-elf- riscv64-linux-gnu-
ifeq ($(CROSS),)
CROSS := $(shell for p in $(PREFIXES); do if command -v $${p}gcc >/dev/null 2>&1; then echo $$p; break; fi; done)
endif
# Without one, whatever wants to compile says what to do.
CC_RISCV := $(if $(CROSS),$(CROSS)gcc,sh tools/doctor compiler)
NM := $(CROSS)nm
HOSTCC ?= cc
QEMU ?= qemu-system-riscv64

# Assemblers before 2.38 have CSRs and fence.i in the base and do not know their names.
ifneq ($(CROSS),)
ZI := $(shell $(CC_RISCV) -march=rv64imac_zicsr_zifencei -mabi=lp64 -c -x assembler /dev/null -o /dev/null 2>/dev/null && echo _zicsr_zifencei)
endif

WARN := -Wall -Wextra $(if $(filter true,$(CI)),-Werror)
COMMON := -std=gnu11 -ffreestanding -fno-common -fno-builtin-printf -fno-pic -no-pie -fno-stack-protector \
	-fno-asynchronous-unwind-tables -ffile-prefix-map='$(CURDIR)/=' -g $(WARN)
SAN_SHADOW_OFFSET := 0xdfffffff50000000
MODE := $(if $(filter debug,$(CONFIG)),-DDEBUG) $(if $(AUDIT),-DAUDIT) \
	$(if $(filter address,$(SAN_KINDS)),-DSAN_ADDRESS -DSAN_SHADOW_OFFSET=$(SAN_SHADOW_OFFSET)) $(if $(filter undefined,$(SAN_KINDS)),-DSAN_UNDEFINED)

KERNEL_CFLAGS := $(COMMON) -Werror=implicit-function-declaration $(MODE) -O2 -march=rv64imac$(ZI) -mabi=lp64 -mcmodel=medany \
	-fno-omit-frame-pointer -fno-strict-aliasing -fno-tree-slp-vectorize -Ikernel
KERNEL_LDFLAGS := -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments
ifneq ($(CROSS),)
KERNEL_LDFLAGS := $(filter-out $(shell printf 'void _start(void){}' | $(CC_RISCV) -march=rv64imac$(ZI) -mabi=lp64 -nostdlib \
	-Wl,--no-warn-rwx-segments -x c - -o /dev/null 2>/dev/null || echo -Wl,--no-warn-rwx-segments),$(KERNEL_LDFLAGS))
endif

# The sanitizers (kernel/san). Every check is a call: the runtime decides what has a shadow.
SAN_CFLAGS_address := -fsanitize=kernel-address -fno-sanitize-recover=kernel-address -fasan-shadow-offset=$(SAN_SHADOW_OFFSET) \
	--param asan-stack=1 --param asan-globals=1 --param asan-instrument-allocas=0 --param asan-instrumentation-with-call-threshold=0
SAN_CFLAGS_undefined := -fsanitize=undefined -fno-sanitize-recover=undefined
# Not instrumented: the runtime; what its string functions stand before; atomic operations on a byte, which work on
# its whole word; the pools, which keep their books in what is free.
SAN_NOT_address := kernel/san/% kernel/base/string.c kernel/base/compiler.c kernel/vm/pool.c
SAN_NOT_undefined := kernel/san/%
# $(call san_cflags,FILE)
san_cflags = $(foreach kind,$(SAN_KINDS),$(if $(filter $(SAN_NOT_$(kind)),$(1)),,$(SAN_CFLAGS_$(kind))))
SAN_WRAPPED := memset memcpy memmove memcmp strlen strlcpy strcmp
KERNEL_LDFLAGS += $(if $(filter address,$(SAN_KINDS)),$(SAN_WRAPPED:%=-Wl$(COMMA)--wrap=%))
HOST_CFLAGS := -std=gnu11 -O2 -g $(WARN) -Ikernel

# COVERAGE=1: kernel/vm counts which way each branch goes. Unoptimized, and with each && and || a branch of
# its own, so that both compilers find the same branches. The guest's counters are read from outside: nothing
# in the kernel merges them, and what libgcov would do that with is never called (docs/coverage.md).
ifneq ($(COVERAGE),)
COVERAGE_CFLAGS := -O0 --param logical-op-non-short-circuit=0 -fprofile-arcs -ftest-coverage
$(B)/kernel/vm/%.o: KERNEL_CFLAGS += $(COVERAGE_CFLAGS) -fprofile-update=atomic -fprofile-info-section
KERNEL_LDFLAGS += -Wl,--defsym=__gcov_merge_add=0
endif

# No source is older than what was made of another text of it.
ifneq ($(filter-out help doctor typecheck docs clean,$(or $(MAKECMDGOALS),all)),)
SEEN := kernel user mkfs tests grade/layout grade/pagoda
$(if $(shell sh tools/freshen $(wildcard $(SEEN)) $(PROGS) || echo bad),$(error tools/freshen failed))
endif

all: $(B)/kernel.elf $(B)/fs.img

# A stamp holds a line of text and is new only when the text is; where the tree
# lies is no part of it, so that a copy of the tree is built already. $(call stamp,FILE,TEXT)
define stamp
$(1): FORCE
	@mkdir -p $$(@D)
	@printf '%s\n' '$(subst $(CURDIR),.,$(subst ','\'',$(2)))' | cmp -s - $$@ || printf '%s\n' '$(subst $(CURDIR),.,$(subst ','\'',$(2)))' > $$@
endef

## ---- kernel ----------------------------------------------------------------

# before/ is there in a stage of the course only: what a lab replaces.
KERNEL_FOLDERS := base riscv kern dev vm fs sys before $(if $(filter debug,$(CONFIG)),test)
SAN_SOURCES_address := $(addprefix kernel/san/,shadow.c check.c string.c report.c)
SAN_SOURCES_undefined := kernel/san/undefined.c
KERNEL_SOURCES := $(sort $(foreach d,$(KERNEL_FOLDERS),$(wildcard kernel/$(d)/*.c kernel/$(d)/*.S)) \
	$(foreach kind,$(SAN_KINDS),$(SAN_SOURCES_$(kind))))
# A .c and a .S may have one name: NAME.o and NAME.S.o.
KERNEL_OBJECTS := $(patsubst %,$(B)/%.o,$(KERNEL_SOURCES:.c=))

$(eval $(call stamp,$(B)/kernel.flags,$(shell $(CC_RISCV) -dumpfullversion 2>/dev/null) $(CC_RISCV) $(KERNEL_CFLAGS) $(COVERAGE_CFLAGS) $(KERNEL_LDFLAGS) $(foreach kind,$(SAN_KINDS),$(SAN_CFLAGS_$(kind)) not: $(SAN_NOT_$(kind)))))
$(eval $(call stamp,$(B)/kernel.list,$(KERNEL_OBJECTS)))

$(B)/kernel/%.o: kernel/%.c $(B)/kernel.flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC_RISCV) $(KERNEL_CFLAGS) $(call san_cflags,$<) -MMD -MP -c $< -o $@

$(B)/kernel/%.S.o: kernel/%.S $(B)/kernel.flags
	@mkdir -p $(@D)
	$(call say,AS,$<)
	$(Q)$(CC_RISCV) $(KERNEL_CFLAGS) -D__ASSEMBLER__=1 -MMD -MP -c $< -o $@

LINK_KERNEL = $(CC_RISCV) $(KERNEL_CFLAGS) $(KERNEL_LDFLAGS) -Wl,-T,kernel/kernel.ld

# The kernel prints its own backtraces: it is linked once without its table of
# symbols, and once more with the table made from that.
MKSYMBOLS := $(wildcard kernel/riscv/mksymbols.py)
ifneq ($(MKSYMBOLS),)
$(B)/kernel.pass1: $(KERNEL_OBJECTS) $(B)/kernel.list kernel/kernel.ld
	$(call say,LINK,$@)
	$(Q)$(LINK_KERNEL) -o $@ $(KERNEL_OBJECTS)

$(B)/symbols.S: $(B)/kernel.pass1 $(MKSYMBOLS)
	$(Q)$(NM) -n $< | $(PYTHON) $(MKSYMBOLS) > $@

$(B)/symbols.o: $(B)/symbols.S
	$(Q)$(CC_RISCV) $(KERNEL_CFLAGS) -c $< -o $@

$(B)/kernel.elf: $(B)/symbols.o
endif

$(B)/kernel.elf: $(KERNEL_OBJECTS) $(B)/kernel.list kernel/kernel.ld
	$(call say,LINK,$@)
	$(Q)$(LINK_KERNEL) -o $@ $(KERNEL_OBJECTS) $(if $(MKSYMBOLS),$(B)/symbols.o)

-include $(KERNEL_OBJECTS:.o=.d)

# Where the kernel's structures keep their fields, for the tools that look in from the host: a table
# in an object, made from the kernel's own headers and read without running it.
$(B)/layout.json: grade/layout/layout.c grade/pagoda/layout.py grade/pagoda/elf.py $(B)/kernel.flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC_RISCV) $(KERNEL_CFLAGS) -MMD -MP -MT $@ -MF $(B)/layout.d -c $< -o $(B)/layout.o
	$(Q)PYTHONPATH=grade $(PYTHON) -m pagoda.layout $(B)/layout.o $@
-include $(B)/layout.d

## ---- user programs and the image -------------------------------------------

# Defines USER_PROGS, a list of $(B)/user/bin/NAME, and how each is made.
-include user/user.mk
-include tests/host/host.mk

MKFS := build/host/mkfs
MKFS_OBJECTS := $(patsubst %.c,build/host/obj/%.o,$(wildcard mkfs/*.c))
build/host/obj/mkfs/%.o: mkfs/%.c
	@mkdir -p $(@D)
	$(call say,HOST,$@)
	$(Q)$(HOSTCC) $(HOST_CFLAGS) -MMD -MP -c $< -o $@
$(MKFS): $(MKFS_OBJECTS)
	$(call say,HOST,$@)
	$(Q)$(HOSTCC) $(HOST_CFLAGS) $^ -o $@.new && mv $@.new $@
-include $(MKFS_OBJECTS:.o=.d)

# Two images of the same tree: fs.img has room to work in; test.img, with the
# tests on it, is as small as it can be, since tests run it from memory.
IMAGE_SIZE ?= 64M
TEST_IMAGE_SIZE ?= 8M
ROOT_FILES := README.md LICENSE
$(eval $(call stamp,$(B)/image.list,$(IMAGE_SIZE) $(TEST_IMAGE_SIZE) $(USER_PROGS) $(USER_TESTS) $(IMAGE_ITEMS)))

# $(call image,FILE,SIZE,PROGRAMS,ITEMS): a folder of what goes in, then the image of it and of what mkfs adds.
define image
	@rm -rf $(1:.img=.root) && mkdir -p $(1:.img=.root)/bin $(1:.img=.root)/tmp $(1:.img=.root)/dev
	$(if $(3),@cp $(3) $(1:.img=.root)/bin/)
	@cp $(wildcard $(ROOT_FILES)) $(1:.img=.root)/ 2>/dev/null || true
	$(call say,IMAGE,$(1))
	$(Q)$(MKFS) $(1) $(2) $(1:.img=.root) $(4)
endef

$(B)/fs.img: $(MKFS) $(USER_PROGS) $(IMAGE_ITEMS_FILES) $(B)/image.list
	$(call image,$@,$(IMAGE_SIZE),$(USER_PROGS),$(IMAGE_ITEMS))

$(B)/test.img: $(MKFS) $(USER_PROGS) $(USER_TESTS) $(B)/image.list
	$(call image,$@,$(TEST_IMAGE_SIZE),$(USER_PROGS) $(USER_TESTS))

# It and the device tree have to fit into a machine of 16 MiB, behind the kernel.
$(B)/fuzz.img: $(MKFS) $(USER_PROGS) $(B)/user/bin/t_fuzz $(B)/image.list
	$(call image,$@,4M,$(USER_PROGS) $(B)/user/bin/t_fuzz)

$(B)/bench.img: $(MKFS) $(USER_PROGS) $(B)/user/bin/bench $(B)/image.list
	$(call image,$@,$(TEST_IMAGE_SIZE),$(USER_PROGS) $(B)/user/bin/bench)

## ---- running it ------------------------------------------------------------

MEM ?= 128M
ARGS ?=
GDB_PORT ?= $(shell echo $$((26000 + $$(id -u) % 4000)))
BOOTARGS = root=vd0 $(if $(SEED),seed=$(SEED)) $(ARGS)
QEMU_FLAGS = -machine virt -smp $(SMP) -m $(MEM) -nographic -global virtio-mmio.force-legacy=false \
	-kernel $(B)/kernel.elf -append "$(strip $(BOOTARGS))" \
	-drive file=$(B)/disk.img,if=none,format=raw,id=vd0 -device virtio-blk-device,drive=vd0,bus=virtio-mmio-bus.0 \
	$(if $(SEED),-seed $(SEED)) $(if $(GDB),-S -gdb tcp:127.0.0.1:$(GDB_PORT)) $(QEMU_EXTRA)

# The tools come first: a second make then finds what doctor installed.
qemu:
	@sh tools/doctor qemu
	@$(MAKE) --no-print-directory qemu-run

# A new disk takes the old one's name, not its place: a QEMU that still runs keeps its own.
.PHONY: qemu-run
qemu-run: all
	@sh tools/doctor memory "$(MEM)"
	@$(if $(GDB),sh tools/doctor port $(GDB_PORT))
	@$(if $(KEEP),test -f $(B)/disk.img ||) { { cp --sparse=always $(B)/fs.img $(B)/disk.new 2>/dev/null || cp $(B)/fs.img $(B)/disk.new; } && mv $(B)/disk.new $(B)/disk.img; }
	@$(if $(GDB),echo "QEMU waits for 'make gdb' in another terminal at port $(GDB_PORT).")
	@echo "Ctrl-A x leaves QEMU."
	@$(QEMU) $(QEMU_FLAGS)

ifneq ($(TEST),)
gdb:
	@$(PAGODA) debug --test "$(TEST)" $(GRADE_WHAT)
else
gdb:
	@sh tools/doctor gdb $(GDB_PORT)
	@$$(command -v gdb-multiarch || command -v $(CROSS)gdb || echo gdb) -q -iex "set auto-load safe-path /" $(B)/kernel.elf -x tools/gdbinit -ex "target remote 127.0.0.1:$(GDB_PORT)"
endif

## ---- tests and checks --------------------------------------------------------

export PYTHONDONTWRITEBYTECODE := 1
# make passes a signal on to its own child: that is the tool, not a shell.
PAGODA = exec env PYTHONPATH=grade $(PYTHON) -m pagoda --config $(CONFIG) $(if $(AUDIT),--audit) $(if $(SAN),--sanitize $(SAN))

test:
	@sh tools/doctor test
	@$(PAGODA) test --only "$(ONLY)" $(if $(SEED),--seed $(SEED)) $(if $(HARTS),--harts $(HARTS)) $(if $(RAM),--ram $(RAM)) $(if $(DISK),--disk)

GRADE_WHAT = $(if $(LAB),--lab "$(LAB)") $(if $(SUBMISSION),--submission "$(SUBMISSION)") $(if $(SEED),--seed $(SEED))

grade:
	@sh tools/doctor qemu
	@$(PAGODA) grade $(if $(LAB),--lab "$(LAB)") $(if $(SUBMISSION),--submission "$(SUBMISSION)")

replay:
	@$(PAGODA) replay --test "$(TEST)" $(GRADE_WHAT)

#@staff
features:
	@$(PAGODA) features --require "$(REQUIRE)"

interleave: build/host/interleave
	@build/host/interleave

coverage:
	@sh tools/doctor test
	@$(PAGODA) coverage --gcov "$(CROSS)gcov" --only "$(ONLY)"

mutants:
	@sh tools/doctor test
	@$(PAGODA) mutants --only "$(ONLY)"

# A release build, whatever CONFIG says: what is measured is what runs.
bench:
	@sh tools/doctor test
	@exec env PYTHONPATH=grade $(PYTHON) -m pagoda --config release bench

throughput:
	@sh tools/doctor test
	@exec env PYTHONPATH=grade $(PYTHON) -m pagoda --config release throughput

fuzz:
	@sh tools/doctor test
	@$(PAGODA) fuzz $(if $(SEEDS),--seeds $(SEEDS)) $(if $(CALLS),--calls $(CALLS)) $(if $(HARTS),--harts $(HARTS)) \
		$(if $(RAM),--ram $(RAM)) $(if $(PLAN),--plan $(PLAN))

sweep:
	@sh tools/doctor test
	@$(PAGODA) sweep $(if $(STEP),--step $(STEP))

stage:
	@$(PYTHON) labs/stage.py stage --lab "$(LAB)" --kind "$(KIND)" --out "$(OUT)"

check-labs:
	@sh tools/doctor test
	@exec $(PYTHON) labs/check.py --only "$(ONLY)"
#@end

check-floors: $(KERNEL_OBJECTS)
	@$(PAGODA) floors --cc $(CC_RISCV) --nm $(NM) --flags="$(KERNEL_CFLAGS)" $(KERNEL_OBJECTS)

docs:
	@sh tools/doctor docs
	@PYTHONPATH=grade $(PYTHON) -m sphinx -q -W --keep-going -b html -d build/docs/trees docs build/docs/html
	@echo "build/docs/html/index.html"

models:
	@sh tools/doctor models
	@$(PYTHON) models/spin.py --only "$(ONLY)"

typecheck:
	@mypy --config-file grade/mypy.ini --cache-dir build/mypy $(sort $(wildcard grade/pagoda/*.py labs/*.py docs/_ext/*.py models/*.py))

doctor:
	@sh tools/doctor all

help:
	@sed -n 's/^#: \{0,1\}//p' Makefile

clean:
	rm -rf build
