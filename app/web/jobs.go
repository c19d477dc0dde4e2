package web

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/engine"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// jobs is a kind of work on many customers: a draft, the list of whom it means, what it would do, and then it is started,
// paused, resumed and stopped. Broadcasts and bulks are such kinds; they share the form of their requests, and say here what
// is their own.
type jobs[T any] struct {
	*Server
	kind    string // as in "bulk"; its plural is the path, and the key of the list
	most    int    // bytes of a draft
	compile bool   // what is saved has a script, and waits for its turn to be compiled

	all   func(ctx context.Context) ([]T, error)
	one   func(ctx context.Context, name string) (T, error)
	name  func(job *T) *string
	made  func(job *T) time.Time
	save  func(c *fiber.Ctx, draft T, isNew bool) (T, error)
	drop  func(ctx context.Context, job T) error
	add   func(ctx context.Context, name string, members []engine.Member) (engine.Added, error)
	ahead func(ctx context.Context, job T) (any, error)
	act   func(ctx context.Context, act string, job T, order wireOrder) (T, error)

	lines func(ctx context.Context, list []T) (any, error) // of the list
	wire  func(ctx context.Context, job T) (any, error)    // of one, with all there is to say
}

func (j *jobs[T]) route(api fiber.Router) {
	path := "/" + j.kind + "s"
	api.Get(path, j.list)
	path += "/:name"
	api.Get(path, j.show)
	api.Put(path, j.put)
	api.Delete(path, j.remove)
	api.Post(path+"/list", j.fill)
	api.Post(path+"/ahead", j.look)
	for _, act := range []string{"start", "pause", "resume", "stop"} {
		api.Post(path+"/"+act, j.do(act))
	}
}

// named returns the job that the path names.
func (j *jobs[T]) named(c *fiber.Ctx) (job T, err error) {
	name, err := param(c, "name")
	if err != nil {
		return job, err
	}
	return j.one(c.UserContext(), name)
}

// answer tells how a job stands, with or without a change before.
func (j *jobs[T]) answer(c *fiber.Ctx, job T, changed bool) error {
	if changed {
		j.Insight.Touch()
	}
	wire, err := j.wire(c.UserContext(), job)
	if err != nil {
		return err
	}
	return c.JSON(wire)
}

// Jobs of one page. Each asks all partitions how far it has come.
const (
	jobsPage    = 50
	maxJobsPage = 200
)

// place is where a job stands in the list: the newest is the first, and those of one moment stand by name.
func (j *jobs[T]) place(job *T) []byte {
	return append(store.AppendTimeNewestFirst(nil, j.made(job)), *j.name(job)...)
}

// list lists jobs, the newest first: ?limit= (50, at most 200) and ?cursor=.
func (j *jobs[T]) list(c *fiber.Ctx) error {
	kind := j.kind + "s"
	limit, err := limitOf(c, jobsPage, maxJobsPage)
	if err != nil {
		return err
	}
	place, err := cursor(c, kind, func(place []byte) bool { return len(place) > 8 && script.ValidName(string(place[8:])) })
	if err != nil {
		return err
	}
	list, err := j.all(c.UserContext())
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b T) int { return bytes.Compare(j.place(&a), j.place(&b)) })
	list = slices.DeleteFunc(list, func(job T) bool { return bytes.Compare(j.place(&job), place) < 0 })
	answer := fiber.Map{}
	if len(list) > limit {
		answer["next"] = cursorOf(kind, j.place(&list[limit]))
		list = list[:limit]
	}
	if answer[kind], err = j.lines(c.UserContext(), list); err != nil {
		return err
	}
	return c.JSON(answer)
}

func (j *jobs[T]) show(c *fiber.Ctx) error {
	job, err := j.named(c)
	if err != nil {
		return err
	}
	return j.answer(c, job, false)
}

// put saves a draft. With ?new=true it makes one, and changes none of that name.
func (j *jobs[T]) put(c *fiber.Ctx) error {
	name, err := param(c, "name")
	if err != nil {
		return err
	}
	isNew, err := strconv.ParseBool(c.Query("new", "false"))
	if err != nil {
		return fieldError("new", "new is true or false")
	}
	data, err := body(c, j.most)
	if err != nil {
		return err
	}
	var draft T
	if err = decodeStrict(data, &draft); err != nil {
		return err
	}
	said := j.name(&draft)
	if *said != "" && *said != name {
		return fieldError("name", "the body names %s %.80q, but the address %.80q", j.kind, *said, name)
	}
	*said = name
	if j.compile {
		done, err := j.turn()
		if err != nil {
			return err
		}
		defer done()
	}
	if draft, err = j.save(c, draft, isNew); err != nil {
		return err
	}
	return j.answer(c, draft, true)
}

func (j *jobs[T]) remove(c *fiber.Ctx) error {
	job, err := j.named(c)
	if err != nil {
		return err
	}
	if err = j.drop(c.UserContext(), job); err != nil {
		return err
	}
	j.Insight.Touch()
	return c.JSON(fiber.Map{})
}

// fill puts customers on the list.
func (j *jobs[T]) fill(c *fiber.Ctx) error {
	job, err := j.named(c)
	if err != nil {
		return err
	}
	data, err := body(c, maxInflated)
	if err != nil {
		return err
	}
	members, err := readMembers(data)
	if err != nil {
		return err
	}
	added, err := j.add(c.UserContext(), *j.name(&job), members)
	if err != nil {
		return err
	}
	j.Insight.Touch()
	return c.JSON(added)
}

// look says what it would do if it were started now.
func (j *jobs[T]) look(c *fiber.Ctx) error {
	if err := takesNothing(c); err != nil {
		return err
	}
	job, err := j.named(c)
	if err != nil {
		return err
	}
	done, err := j.turn()
	if err != nil {
		return err
	}
	defer done()
	ahead, err := j.ahead(c.UserContext(), job)
	if err != nil {
		return err
	}
	return c.JSON(ahead)
}

// do starts, pauses, resumes and stops.
func (j *jobs[T]) do(act string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		job, err := j.named(c)
		if err != nil {
			return err
		}
		order, err := j.decodeDeed(c)
		if err != nil {
			return err
		}
		if job, err = j.act(c.UserContext(), act, job, order); err != nil {
			return err
		}
		j.Log.Info("an operator acted on a "+j.kind, j.kind, *j.name(&job), "act", act, "by", order.By, "why", order.Why)
		return j.answer(c, job, true)
	}
}
