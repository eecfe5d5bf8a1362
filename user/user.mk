# User programs: the library, what goes to /bin, the tests, and anybody's PROGS.
#
# USER_PROGS: programs of the image. USER_TESTS: the tests, in the test image as
# well. Each is $(B)/user/bin/NAME, stripped; $(B)/user/sym/NAME has the symbols.
# A program of ours is user/bin/NAME.c, or the files user/bin/NAME/*.c.
# A test program is user/tests/NAME.c, with NAME_*.c if there are any.
# IMAGE_ITEMS: what else mkfs puts into the image.

USER_CFLAGS := $(COMMON) -Os -march=rv64gc$(ZI) -mabi=lp64d -mcmodel=medany -ffunction-sections -fdata-sections \
	-fno-tree-loop-distribute-patterns
USER_INCLUDE := -Iuser/include -Ikernel
XV6_INCLUDE := -Iuser/xv6/include -Iuser/xv6/include/user
USER_LDFLAGS := -nostdlib -static -no-pie -Wl,--build-id=none -Wl,--gc-sections -Wl,-z,max-page-size=4096
# xv6's programs are compiled as xv6 compiles them, as far as it can be seen from within.
XV6_CFLAGS := $(filter-out -Os -Wextra,$(USER_CFLAGS)) -O1 -fno-omit-frame-pointer -fno-builtin -fno-delete-null-pointer-checks \
	-Wno-main -Wno-format
AR_RISCV := $(CROSS)ar
STRIP_RISCV := $(CROSS)strip

$(eval $(call stamp,$(B)/user.flags,$(CC_RISCV) $(USER_CFLAGS) $(USER_LDFLAGS) $(XV6_CFLAGS)))

USER_LIB := $(B)/user/libpagoda.a
XV6_LIB := $(B)/user/libxv6.a
USER_CRT := $(B)/user/lib/crt0.o
USER_LIB_OBJECTS := $(filter-out $(USER_CRT),$(patsubst user/%,$(B)/user/%.o,$(basename $(wildcard user/lib/*.c user/lib/*.S))))
XV6_LIB_OBJECTS := $(patsubst user/%,$(B)/user/%.o,$(basename $(wildcard user/xv6/lib/*.c user/xv6/lib/*.S))) $(addprefix $(B)/user/lib/,rawcalls.o jump.o)

USER_FILES := $(patsubst user/bin/%.c,%,$(wildcard user/bin/*.c))
USER_FOLDERS := $(patsubst user/bin/%/,%,$(sort $(dir $(wildcard user/bin/*/*.c))))
USER_BINS := $(USER_FILES) $(USER_FOLDERS)
TEST_FILES := $(filter-out user/tests/test.c user/tests/h_%.c,$(wildcard user/tests/*.c))
TEST_BINS := $(foreach f,$(TEST_FILES),$(if $(findstring _,$(f)),,$(f:user/tests/%.c=t_%)))
# Small programs that tests run: own ones, and some in the manner of xv6.
TEST_HELPERS := $(patsubst user/tests/%.c,%,$(wildcard user/tests/h_*.c))
XV6_SAMPLES := $(patsubst user/tests/xv6/%.c,%,$(wildcard user/tests/xv6/*.c))
# A file of PROGS that defines main is a program; the others belong to each of them, as xv6's ulib.c does.
PROGS_ALL := $(if $(PROGS),$(patsubst $(PROGS)/%.c,%,$(wildcard $(PROGS)/*.c)))
PROGS_NAMES := $(if $(PROGS),$(patsubst $(PROGS)/%.c,%,$(shell awk '/^[ \t]*((int|void)[ \t]+)?main[ \t]*\(/ && !/\)[ \t]*;[ \t\r]*$$/ && !seen[FILENAME]++ { print FILENAME }' \
	$(wildcard $(PROGS)/*.c))))
PROGS_SHARED := $(addprefix $(B)/user/progs/,$(addsuffix .o,$(filter-out $(PROGS_NAMES),$(PROGS_ALL))))

# A program of PROGS replaces one of ours with the same name; but the first process is ours when they were written for xv6.
PROGS_BINS := $(if $(filter xv6,$(API)),$(filter-out init,$(PROGS_NAMES)),$(PROGS_NAMES))
USER_PROGS := $(addprefix $(B)/user/bin/,$(filter-out $(PROGS_BINS),$(USER_BINS))) $(addprefix $(B)/user/progs/bin/,$(PROGS_BINS))

# xv6 has its programs, a README and the console in the root: there they are as well.
ifneq ($(PROGS),)
ifeq ($(API),xv6)
PROGS_INIT := $(filter init,$(PROGS_NAMES))
IMAGE_ITEMS_FILES := $(PROGS_INIT:%=$(B)/user/progs/bin/%)
IMAGE_ITEMS := /console:1:0 $(if $(wildcard README.md),/README@/README.md) $(IMAGE_ITEMS_FILES:%=/init=%) \
	$(foreach p,$(filter-out $(PROGS_INIT),$(sort $(USER_BINS) $(PROGS_BINS))),/$(p)@/bin/$(p))
endif
endif
USER_TESTS := $(addprefix $(B)/user/bin/,$(TEST_BINS) $(TEST_HELPERS) $(XV6_SAMPLES))

$(B)/user/%.o: user/%.c $(B)/user.flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC_RISCV) $(if $(filter user/tests/xv6/%,$<),$(XV6_CFLAGS),$(USER_CFLAGS)) $(if $(filter user/xv6/% user/tests/xv6/%,$<),$(XV6_INCLUDE) -Ikernel,$(USER_INCLUDE)) -MMD -MP -c $< -o $@

$(B)/user/%.o: user/%.S $(B)/user.flags
	@mkdir -p $(@D)
	$(call say,AS,$<)
	$(Q)$(CC_RISCV) $(USER_CFLAGS) $(USER_INCLUDE) -MMD -MP -c $< -o $@

$(USER_LIB): $(USER_LIB_OBJECTS)
	@rm -f $@ && $(AR_RISCV) rcD $@ $^

$(XV6_LIB): $(XV6_LIB_OBJECTS)
	@rm -f $@ && $(AR_RISCV) rcD $@ $^

# $(call user_link,OBJECTS,LIBRARY)
define user_link
	@mkdir -p $(@D) $(subst /bin/,/sym/,$(@D)/)
	$(call say,LINK,$@)
	$(Q)$(CC_RISCV) $(USER_CFLAGS) $(USER_LDFLAGS) -Wl,-T,$(if $(filter %libxv6.a,$(2)),user/xv6/xv6.ld,user/user.ld) -o $(subst /bin/,/sym/,$@) $(USER_CRT) $(1) $(2) -lgcc
	@$(STRIP_RISCV) -o $@ $(subst /bin/,/sym/,$@)
endef

USER_NEEDS := $(USER_CRT) user/user.ld user/xv6/xv6.ld
$(addprefix $(B)/user/bin/,$(USER_FILES)): $(B)/user/bin/%: $(B)/user/bin/%.o $(USER_LIB) $(USER_NEEDS)
	$(call user_link,$<,$(USER_LIB))

# bin/NAME is the program, so the objects of a folder lie elsewhere. $(call folder_objects,NAME)
folder_objects = $(patsubst user/bin/%.c,$(B)/user/folders/%.o,$(wildcard user/bin/$(1)/*.c))
$(eval $(call stamp,$(B)/user.folders,$(foreach f,$(USER_FOLDERS),$(call folder_objects,$(f)))))
$(B)/user/folders/%.o: user/bin/%.c $(B)/user.flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC_RISCV) $(USER_CFLAGS) $(USER_INCLUDE) -MMD -MP -c $< -o $@
$(foreach f,$(USER_FOLDERS),$(eval $(B)/user/bin/$(f): $(call folder_objects,$(f))))
$(addprefix $(B)/user/bin/,$(USER_FOLDERS)): $(B)/user/bin/%: $(USER_LIB) $(USER_NEEDS) $(B)/user.folders
	$(call user_link,$(call folder_objects,$*),$(USER_LIB))

test_parts = $(patsubst %.c,$(B)/%.o,$(wildcard user/tests/$(1)_*.c))
$(foreach t,$(TEST_BINS:t_%=%),$(eval $(B)/user/bin/t_$(t): $(call test_parts,$(t))))
$(addprefix $(B)/user/bin/,$(TEST_BINS)): $(B)/user/bin/t_%: $(B)/user/tests/%.o $(B)/user/tests/test.o $(USER_LIB) $(USER_NEEDS)
	$(call user_link,$< $(call test_parts,$*) $(B)/user/tests/test.o,$(USER_LIB))
$(addprefix $(B)/user/bin/,$(TEST_HELPERS)): $(B)/user/bin/%: $(B)/user/tests/%.o $(USER_LIB) $(USER_NEEDS)
	$(call user_link,$<,$(USER_LIB))
$(addprefix $(B)/user/bin/,$(XV6_SAMPLES)): $(B)/user/bin/%: $(B)/user/tests/xv6/%.o $(XV6_LIB) $(USER_NEEDS)
	$(call user_link,$<,$(XV6_LIB))

# What the grader runs, on images of its own.
PROBE_OBJECTS := $(patsubst user/%,$(B)/user/%.o,$(basename $(wildcard user/probe/*.c user/probe/*.S)))
$(B)/user/bin/probe: $(PROBE_OBJECTS) $(USER_LIB) $(USER_NEEDS)
	$(call user_link,$(PROBE_OBJECTS),$(USER_LIB))

# What measures: the first process of `make bench`, in an image of its own.
BENCH_OBJECTS := $(patsubst user/%,$(B)/user/%.o,$(basename $(wildcard user/bench/*.c user/bench/*.S)))
$(B)/user/bin/bench: $(BENCH_OBJECTS) $(USER_LIB) $(USER_NEEDS)
	$(call user_link,$(BENCH_OBJECTS),$(USER_LIB))

# Anybody's programs. Another API or folder compiles them again.
ifneq ($(PROGS),)
$(eval $(call stamp,$(B)/progs.flags,$(PROGS) $(API)))
PROGS_INCLUDE := -I$(PROGS) $(if $(filter xv6,$(API)),$(XV6_INCLUDE),$(USER_INCLUDE))
PROGS_CFLAGS := $(filter-out -Werror,$(if $(filter xv6,$(API)),$(XV6_CFLAGS),$(USER_CFLAGS)))
PROGS_LIB := $(if $(filter xv6,$(API)),$(XV6_LIB),$(USER_LIB))
$(eval $(call stamp,$(B)/progs.shared,$(PROGS_SHARED)))
$(addprefix $(B)/user/progs/,$(addsuffix .o,$(PROGS_ALL))): $(B)/user/progs/%.o: $(PROGS)/%.c $(B)/user.flags $(B)/progs.flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC_RISCV) $(PROGS_CFLAGS) $(PROGS_INCLUDE) -MMD -MP -c $< -o $@
$(addprefix $(B)/user/progs/bin/,$(PROGS_NAMES)): $(B)/user/progs/bin/%: $(B)/user/progs/%.o $(PROGS_SHARED) $(USER_LIB) $(XV6_LIB) $(USER_NEEDS) $(B)/progs.shared
	$(call user_link,$< $(PROGS_SHARED),$(PROGS_LIB))
endif

-include $(USER_LIB_OBJECTS:.o=.d) $(PROBE_OBJECTS:.o=.d) $(BENCH_OBJECTS:.o=.d) $(XV6_LIB_OBJECTS:.o=.d) $(wildcard $(B)/user/bin/*.d $(B)/user/tests/*.d $(B)/user/tests/xv6/*.d $(B)/user/progs/*.d $(B)/user/folders/*/*.d)
